"""`python -m scripts` is the `berth` command."""

from scripts.cli import main

main()
