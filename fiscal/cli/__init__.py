"""The ``fiscal`` command. Results go to stdout, messages and progress to stderr.

Exit codes: 0 success, 1 a failed check, 2 wrong input, too little memory, or an output that cannot be written, 130
interrupted, 141 a closed pipe, 143 terminated. This module imports nothing slow, so that every event after the first
line of :func:`main` ends in one of these codes. The commands import everything heavy themselves, so that ``fiscal
--help`` is fast.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without the time that its import takes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script: ends the process with one of the exit codes."""
    terminated = []

    def stop(number: int, _frame: object) -> None:
        terminated.append(number)
        raise KeyboardInterrupt

    try:
        if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGTERM, stop)
        from fiscal.cli.ending import ended

        code = ended(_application)
    except KeyboardInterrupt:  # before :mod:`ending` listens, or again while the process ends
        os.write(2, b"terminated\n" if terminated else b"interrupted\n")
        os._exit(128 + (_signal.SIGTERM if terminated else _signal.SIGINT))
    raise SystemExit(code)


def _application() -> Any:
    """The application with all its commands, in the order in which help lists them."""
    # Pydantic would look through every installed package for plugins; the command uses none
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # isort: off
    from fiscal.cli import scenarios, comparisons, sweeps, reports, stored, books, data, markets  # noqa: F401

    # isort: on
    from fiscal.cli.application import app

    return app


def __getattr__(name: str) -> Any:
    if name == "app":
        return _application()
    raise AttributeError(f"module 'fiscal.cli' has no attribute {name!r}")
