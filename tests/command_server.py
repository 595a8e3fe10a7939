"""Runs ``fiscal`` commands for the tests, each in a fork of a process that has imported everything.

A command that starts anew imports for a second or two, a hundred times in the suite. `test_cli.py` starts the installed
script itself as well. Protocol: one JSON object a line on stdin (arguments, folder, environment, files for stdout and
stderr), the exit code a line on stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys

SECONDS = 300
"""A command that takes longer hangs: it is ended, and its exit code is minus SIGALRM."""


def preload() -> None:
    """Import what the commands import, read the tables, and load the compiled code."""
    from fiscal import cli
    from fiscal.base import memo
    from fiscal.results import running, stages
    from fiscal.scenario import load

    cli.app  # noqa: B018 the commands
    __import__("fiscal.report")
    running.run(load("baseline", {"horizon.last_year": 2036}))
    stages.keep(None)
    memo.forget()


def child(told: dict) -> None:
    """Become the command: its folder, environment, and streams, and its time."""
    signal.alarm(told.get("seconds", SECONDS))
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    for number, path in ((1, told["stdout"]), (2, told["stderr"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = ["fiscal", *told["arguments"]]
    from fiscal.cli import main

    main()


def serve() -> None:
    """Answer until stdin ends."""
    preload()
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for line in requests:
        pid = os.fork()
        if pid == 0:
            requests.close(), answers.close()
            return child(json.loads(line))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        answers.flush()
    return None


if __name__ == "__main__":
    serve()
