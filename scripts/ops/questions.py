"""Asks people before a verb changes something."""

import sys

import typer

from nomad_jobs.errors import CancelledError, ConfigError


def confirm(action: str, *, yes: bool) -> None:
    """Ask whether to do `action`, unless `yes` is given.

    Raises:
        CancelledError: the answer was no.
        ConfigError: there is no terminal to ask on.

    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(action, "needs a confirmation, and there is no terminal to ask on", "add --yes")
    if not typer.confirm(f"{action}?", err=True):
        raise CancelledError(action, "not done: the answer was no")


def hidden(what: str) -> str:
    """Ask for `what` on the terminal without showing it, or read a line of stdin: it is in no argument.

    Raises:
        ConfigError: there is no terminal, and stdin has no line.

    """
    given = typer.prompt(what, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        raise ConfigError(
            what, "is needed, and stdin has no line with it", "run this on a terminal, or write it to stdin"
        )
    return str(given).rstrip("\r\n")
