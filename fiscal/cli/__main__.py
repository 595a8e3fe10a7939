"""``python -m fiscal.cli``."""

from fiscal.cli import main

main()
