"""What a look at the machine found: good, worth knowing, or a problem and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing is broken."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `berth doctor`."""

    check: str
    mark: Mark
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Mark.OK, text)


def note(check: str, text: str, fix: str = "") -> Finding:
    """Say what is worth knowing."""
    return Finding(check, Mark.NOTE, text, fix)


def problem(check: str, text: str, fix: str) -> Finding:
    """Say what is wrong, and how to mend it."""
    return Finding(check, Mark.PROBLEM, text, fix)
