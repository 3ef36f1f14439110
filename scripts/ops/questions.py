"""Asks before something changes."""

import sys

import typer

from nomad_jobs.errors import CancelledError, ConfigError


def confirm(action: str, *, yes: bool) -> None:
    """Ask whether to go on with `action`; `yes` answers beforehand.

    Raises:
        CancelledError: the answer was no.
        ConfigError: nobody can be asked: there is no terminal.

    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(action, "needs a yes, and there is no terminal to ask on", "add --yes")
    if not typer.confirm(f"{action}?", err=True):
        raise CancelledError(action, "not done: the answer was no")
