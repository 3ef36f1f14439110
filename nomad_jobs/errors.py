"""The root of all errors: where it is, what is wrong, what to do, and the exit code."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the `berth` command: Pulumi's table, and three of ours (10, 11, 12)."""

    DONE = 0
    OTHER = 1
    CONFIG = 2
    AUTH = 3
    DEPLOY = 4
    POLICY = 5
    NO_STACK = 6
    CHANGES = 7
    CANCELLED = 8
    DEADLINE = 9
    REVERTED = 10
    PARTIAL = 11
    EXPIRES = 12


class BerthError(Exception):
    """Something the user can fix: `where` it is, `what` is wrong, and the `fix`, each in the user's words."""

    code = Exit.OTHER

    def __init__(self, where: str, what: str, fix: str = "") -> None:
        self.where, self.what, self.fix = where, what, fix
        between = "\n  — " if "\n" in what else " — "
        super().__init__(f"{where}: {what}" + (f"{between}{fix}" if fix else ""))


class ConfigError(BerthError):
    """Bad configuration or input; nothing was changed."""

    code = Exit.CONFIG


class AuthError(BerthError):
    """A token is missing, wrong or expired."""

    code = Exit.AUTH


class DeployError(BerthError):
    """The platform refused or failed a deployment."""

    code = Exit.DEPLOY


class PolicyError(BerthError):
    """What may be done, or read, is not what was written down; nothing was changed."""

    code = Exit.POLICY


class RefusedError(BerthError):
    """A server refused a request (4xx) or failed at it (5xx); `status` is HTTP's, 0 where a library hides it."""

    def __init__(self, where: str, what: str, fix: str = "", *, status: int = 0) -> None:
        self.status = status
        super().__init__(where, what, fix)


class UnansweredError(BerthError):
    """A server gave no answer, so nobody knows whether it did what it was asked."""


class ChangedError(BerthError):
    """Somebody else changed it since it was looked at; nothing was overwritten."""

    code = Exit.CHANGES


class PartialError(BerthError):
    """Part of it is done and stays; `what` says which part, `fix` how to go on or back."""

    code = Exit.PARTIAL


class ExpiresError(BerthError):
    """Something expires within the days that were asked about."""

    code = Exit.EXPIRES


class NoSuchStackError(BerthError):
    """The stack has no Platform record."""

    code = Exit.NO_STACK


class CancelledError(BerthError):
    """The user declined, or pressed Ctrl-C."""

    code = Exit.CANCELLED


class DeadlineError(BerthError):
    """A wait passed its deadline; `what` names what Berth waited for and what it saw last."""

    code = Exit.DEADLINE


class RevertedError(BerthError):
    """Nomad found the new version unhealthy and reverted to the old one, which serves."""

    code = Exit.REVERTED


class ManyErrors(BerthError):  # noqa: N818 - it is a collection of errors, and reads as one
    """One or more errors found in one pass, shown one per line; the exit code is the first one's."""

    def __init__(self, errors: Iterable[BerthError]) -> None:
        self.errors = tuple(errors)
        self.code = self.errors[0].code
        Exception.__init__(self, "\n".join(str(error) for error in self.errors))


def single_errors(error: BerthError) -> tuple[BerthError, ...]:
    """Give the errors that `error` is a collection of; an error that is none is its own only one."""
    return error.errors if isinstance(error, ManyErrors) else (error,)


def raise_all(errors: Iterable[BerthError]) -> None:
    """Raise `errors`: nothing where there is none, the one, or ManyErrors."""
    found = tuple(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ManyErrors(found)
