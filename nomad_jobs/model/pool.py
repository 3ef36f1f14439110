"""Where instances run: on nodes of which kind of pool, and on how many of them."""

from enum import StrEnum


class Kind(StrEnum):
    """How many instances run, and where: Nomad's job types."""

    SERVICE = "service"
    """As many as its size says, on any nodes of its pool where they fit."""
    SYSTEM = "system"
    """One on every node of its pool."""


class PoolKind(StrEnum):
    """The kind of pool that a service runs on; the platform says which of Nomad's node pools that is."""

    APP = "app"
    GPU = "gpu"
    INGRESS = "ingress"
