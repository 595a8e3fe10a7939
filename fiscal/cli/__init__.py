"""The ``fiscal`` command. Results go to stdout, messages and progress to stderr.

Exit codes: 0 fine, 1 a check failed, 2 wrong input, 130 interrupted. Everything heavy is imported
inside the commands, so that ``fiscal --help`` answers at once.
"""

from __future__ import annotations

import sys

# imported for the commands that they register, in the order in which help lists them
# isort: off
from fiscal.cli import scenarios, sweeps, reports, stored, books, data, markets  # noqa: F401

# isort: on
from fiscal.base.errors import FiscalError
from fiscal.cli.application import EXIT_INTERRUPTED, EXIT_WRONG_INPUT, app
from fiscal.cli.show import say

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console script: a user's mistake becomes a message and exit code 2."""
    try:
        app()
    except FiscalError as error:
        say(str(error))
        sys.exit(EXIT_WRONG_INPUT)
    except OSError as error:
        # a folder or file that cannot be read or written, wherever it was met
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}")
        sys.exit(EXIT_WRONG_INPUT)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(EXIT_INTERRUPTED)
