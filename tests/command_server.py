"""Runs ``fiscal`` commands for the tests, each in a fork of a process that has imported everything.

A command that starts anew imports for a second or two, hundreds of times in the suite. `test_cli.py` starts the
installed script itself as well. Protocol: one JSON object a line on stdin, one number a line on stdout. ``{"start":
...}`` (program, arguments, folder, environment, files for stdout and stderr) answers the number of the new process;
``{"wait": number}`` its exit code when it ends, and ``{"poll": number}`` the exit code or null.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NoReturn

COMMAND = "from fiscal.cli import main\nmain()\n"


class Server:
    """The process that commands are forked from, preloaded from the package in ``PYTHONPATH`` of its environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **told: object) -> int | None:
        """The server's answer to one question."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        answered = self._process.stdout.readline()
        assert answered, "the process that runs commands ended"
        found: int | None = json.loads(answered)
        return found

    def start(self, arguments: list[str], cwd: Path, env: dict[str, str], program: str = COMMAND) -> Forked:
        """The command, or another program, at work in ``cwd``."""
        return Forked(self, arguments, program=program, cwd=str(cwd), env=env)

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Forked:
    """A command at work, as `subprocess.Popen` tells it."""

    def __init__(self, server: Server, arguments: list[str], **told: object) -> None:
        self._server, self._streams = server, tempfile.TemporaryDirectory()
        self._files = [str(Path(self._streams.name, name)) for name in ("stdout", "stderr")]
        pid = server.ask(start={"arguments": arguments, "streams": self._files, **told})
        assert pid is not None
        self.pid = pid
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal; none where the command has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """The exit code, or None while it works."""
        if self.returncode is None:
            self.returncode = self._server.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it ends; raises `subprocess.TimeoutExpired` after ``timeout`` seconds."""
        if timeout is None and self.returncode is None:
            self.returncode = self._server.ask(wait=self.pid)
        begun = time.monotonic()
        while self.poll() is None:
            if timeout is not None and time.monotonic() > begun + timeout:
                raise subprocess.TimeoutExpired("fiscal", timeout)
            time.sleep(0.002)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until it ends; what it printed on stdout and stderr."""
        self.wait(timeout)
        said, warned = (Path(path).read_text(encoding="utf-8", errors="replace") for path in self._files)
        return said, warned

    def finished(self) -> subprocess.CompletedProcess[str]:
        """The command, waited for."""
        said, warned = self.communicate()
        assert self.returncode is not None
        return subprocess.CompletedProcess(["fiscal"], self.returncode, said, warned)


SECONDS = 300
"""A command that takes longer hangs: it is ended, and its exit code is minus SIGALRM."""


def preload() -> None:
    """Do once what every command does: import, read the tables, load the compiled code, run, tell, and store."""
    from fiscal import cli
    from fiscal.results import running, stages, store
    from fiscal.scenario import load

    cli.app  # noqa: B018 the commands
    __import__("fiscal.report")
    result = running.run(load("boom", {"horizon.last_year": 2036}))
    result.headline()
    with tempfile.TemporaryDirectory() as folder:
        store.write_run(result, Path(folder, "run"))
    stages.keep(None)


def become(told: dict) -> NoReturn:
    """Become the command: its folder, environment, and streams, and its time."""
    signal.alarm(told.get("seconds", SECONDS))
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    for number, path in enumerate(told["streams"], 1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["fiscal", *told["arguments"]]
    code: object = None
    try:
        exec(compile(told["program"], "<program>", "exec"), {"__name__": "__main__"})
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(code if isinstance(code, int) else code is not None)  # what was imported need not be taken down


def serve() -> None:
    """Answer until stdin ends."""
    preload()
    gc.collect()
    gc.freeze()  # a child that looked through all this for garbage would copy it
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for line in requests:
        told = json.loads(line)
        if "start" not in told:
            asked, options = (told["wait"], 0) if "wait" in told else (told["poll"], os.WNOHANG)
            ended, status = os.waitpid(asked, options)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        elif (answer := os.fork()) == 0:
            requests.close(), answers.close()
            become(told["start"])
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


if __name__ == "__main__":
    serve()
