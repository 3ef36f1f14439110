"""The tokens a run acts with: in memory only, and never shown."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """One token for each of the three; `repr` shows none."""

    nomad: str = field(repr=False)
    consul: str = field(repr=False)
    vault: str = field(repr=False)
