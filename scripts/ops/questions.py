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


def hidden(question: str) -> str:
    """Ask for a secret: on the terminal without showing it, else as the next line of stdin; empty: none was given."""
    if sys.stdin.isatty():
        return str(typer.prompt(question, hide_input=True, default="", show_default=False, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def needed(question: str) -> str:
    """Ask for a secret without which nothing can go on.

    Raises:
        ConfigError: none was given.

    """
    given = hidden(question)
    if not given.strip():
        raise ConfigError(question, "is needed, and none was given", "run this on a terminal, or write it to stdin")
    return given
