"""Explains what Pulumi prints when it cannot begin or end: no stack, no login, a lock."""

from collections.abc import Callable, Mapping

from nomad_jobs.errors import (
    AuthError,
    BerthError,
    CancelledError,
    ConfigError,
    DeployError,
    Exit,
    NoSuchStackError,
)


class ChangesError(BerthError):
    """There are changes where none were expected."""

    code = Exit.CHANGES


_SIGNS: Mapping[str, Callable[[str, str], BerthError]] = {
    "no stack named": lambda where, stack: NoSuchStackError(
        where, "the backend has no such stack", f"`pulumi stack init {stack}`, or `pulumi login` to another backend"
    ),
    "no changes were expected": lambda where, _: ChangesError(where, "there are changes where none were expected"),
    "stack is currently locked": lambda where, stack: DeployError(
        where, "another run holds the stack", f"wait for it; if it died, `pulumi cancel {stack}`"
    ),
    "passphrase must be set": lambda where, _: AuthError(
        where, "the stack's secrets are locked", "export PULUMI_CONFIG_PASSPHRASE, or use an awskms:// secrets provider"
    ),
    "PULUMI_ACCESS_TOKEN must be set": lambda where, _: AuthError(
        where, "no backend for the state is chosen", "`pulumi login s3://<bucket>`, or export PULUMI_BACKEND_URL"
    ),
    "update canceled": lambda where, _: CancelledError(where, "cancelled; the state holds what was done"),
    "--yes or --skip-preview": lambda where, _: ConfigError(
        where, "needs a confirmation, and there is no terminal", "add --yes"
    ),
}
"""Our error for what Pulumi prints when it cannot begin or end; made from the command and the stack."""


def refusal(where: str, stack: str, said: str) -> BerthError | None:
    """Give our error for what Pulumi `said` about `stack`; None where it says nothing of the kind."""
    return next((error(where, stack) for sign, error in _SIGNS.items() if sign in said), None)
