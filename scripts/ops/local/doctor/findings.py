"""Findings of `berth doctor`: all is well, a note, or a problem and its fix."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How grave a finding is."""

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
    """Report that all is well."""
    return Finding(check, Mark.OK, text)


def note(check: str, text: str, fix: str = "") -> Finding:
    """Report what is worth knowing."""
    return Finding(check, Mark.NOTE, text, fix)


def problem(check: str, text: str, fix: str) -> Finding:
    """Report what is wrong, and how to fix it."""
    return Finding(check, Mark.PROBLEM, text, fix)
