"""How a command ends: signals, unwritable streams, and too little memory become one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys

TYPE_CHECKING = False  # quick to import, as ``fiscal.cli``
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, TextIO

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_CLOSED_PIPE = 128 + 13  # SIGPIPE, which Windows does not name
EXIT_TERMINATED = 128 + signal.SIGTERM

_WORDS = {EXIT_INTERRUPTED: "interrupted", EXIT_TERMINATED: "terminated"}
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "can't start new thread")
"""Messages of libraries that do not get memory when they load or start threads."""

_caught: list[int] = []
"""Signals that asked the process to stop."""

_kept: list[str] = []
"""What the program said of the work that was stopped: what is kept, and how to resume."""


def ended(application: Callable[[], Any]) -> int:
    """Exit code of a command; ``application`` imports and returns it. Raises errors of the program itself."""
    _caught.clear()
    _kept.clear()
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells set this for background jobs
                signal.signal(number, _stop)
        if sys.stdout is None or sys.stderr is None:  # the next open file would get its number
            _tell("stdout or stderr is closed")
            return EXIT_WRONG_INPUT
        code = int(application()(standalone_mode=False) or 0)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException as error:
        stopped_with(error)
        code = _code_of(error)
    if _caught and code in (EXIT_INTERRUPTED, EXIT_TERMINATED):
        code = 128 + _caught[0]
        _tell(_WORDS[code])
    for note in _kept:
        _tell(note)
    for stream in (sys.__stdout__, sys.__stderr__):
        _drop_unwritable(stream)
    return code


def _stop(number: int, frame: FrameType | None) -> None:
    """What a signal does: stop the work at once, so that open resources are released."""
    _caught.append(number)
    sys.unraisablehook = _raised_in_vain
    raise KeyboardInterrupt


def _raised_in_vain(unraisable: Any) -> None:
    """The interruption came in a library's callback, where Python drops exceptions, so it is raised again."""
    import threading

    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        told = os.getpid(), _caught[0]
        again = threading.Timer(0.05, os.kill, told)  # raised after this function, which would drop it too
        again.daemon = True
        again.start()


def _code_of(error: BaseException) -> int:
    """Exit code for an exception of a command, with its message; raises an error of the program itself again."""
    from fiscal.base.errors import FiscalError

    if _caught:  # a library may have converted it into another error
        return 128 + _caught[0]
    if isinstance(error, KeyboardInterrupt):
        _tell(_WORDS[EXIT_INTERRUPTED])
        return EXIT_INTERRUPTED
    if isinstance(error, SystemExit):
        if isinstance(error.__context__, OSError):  # typer ends with 1 when a pipe is closed
            return _code_of(error.__context__)
        return error.code if isinstance(error.code, int) else EXIT_WRONG_INPUT
    if any(map(_lacks_memory, _with_causes(error))):
        _tell("this run needs more memory than the process may use; a shorter horizon or fewer paths need less")
        for note in _kept:
            _tell(note)
        for stream in (sys.__stdout__, sys.__stderr__):
            _drop_unwritable(stream)
        os._exit(EXIT_WRONG_INPUT)  # libraries that are half loaded may break as the process ends
    if isinstance(error, FiscalError):
        told = str(error)
    elif isinstance(error, OSError):
        # a folder, file, or stream that cannot be read or written, anywhere in the program
        if error.errno == errno.EPIPE and _is_closed_pipe():
            return EXIT_CLOSED_PIPE
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    elif hasattr(error, "show") and hasattr(error, "exit_code"):  # typer's own: wrong usage
        _keep_near_options(error)
        try:
            error.show()
        except OSError as unwritable:
            return _code_of(unwritable)
        return int(error.exit_code)
    else:
        raise error
    try:
        from fiscal.cli.show import say

        say(told)
    except OSError:
        return EXIT_CLOSED_PIPE if _is_closed_pipe() else EXIT_WRONG_INPUT
    return EXIT_WRONG_INPUT


def _keep_near_options(error: Any) -> None:
    """The options suggested by typer that differ from the input by one or two letters."""
    from fiscal.base.errors import nearest

    if getattr(error, "possibilities", None):
        near = nearest(error.option_name, error.possibilities)
        error.possibilities = [near] if near else []


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def stopped_with(error: BaseException) -> None:
    """Remember the notes of an error that ends the work, to be printed after the message."""
    notes = (note for cause in _with_causes(error) for note in getattr(cause, "__notes__", ()))
    _kept.extend(note for note in notes if note not in _kept)


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, ImportError | RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def _is_closed_pipe() -> bool:
    """Whether the reader of stdout or stderr has closed it: a broken pipe may also lead to a process of the program."""
    if not hasattr(select, "poll"):  # Windows
        return True
    streams = select.poll()
    for number in (1, 2):
        streams.register(number, 0)
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in streams.poll(0))


def _tell(line: str) -> None:
    """Print a line to stderr by the system call alone; print nothing if that fails."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())


def _drop_unwritable(stream: TextIO | None) -> None:
    """Discard what a stream cannot write; otherwise Python would try again at exit and complain."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]
            stream.flush()  # type: ignore[union-attr]
