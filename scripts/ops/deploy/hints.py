"""Says in plain words what Docker, Nomad and the kernel said, and what to do about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.model import Service


@dataclass(frozen=True, slots=True)
class Hint:
    """One kind of failure; `words` are those that it is told from."""

    words: re.Pattern[str]
    what: str
    fix: str


_UNREACHED = (
    r"Failed to pull .*(dial tcp|connection refused|no route to host|no such host|i/o timeout|Client\.Timeout|: EOF)"
)
_HINTS = (
    Hint(
        re.compile(r"Failed to pull .*no space left on device"),
        "the disk where the node's Docker keeps images is full",
        "free some: `docker system df` shows what it keeps, and `docker image prune` removes what nobody names",
    ),
    Hint(
        re.compile(r"Failed to pull .*(unauthorized|no basic auth credentials|denied)"),
        "the registry refuses the node's login",
        "write the login that the registry accepts to registry/login in Vault; on a laptop `berth up` hands it on",
    ),
    Hint(
        re.compile(r"Failed to pull .*manifest unknown"),
        "the registry does not have this digest any more",
        "push the image again, or run `berth images pin` for what the tag is now; on a laptop `berth up` pushes ours",
    ),
    Hint(
        re.compile(r"Failed to pull .*x509:"),
        "the node does not trust the registry's certificate",
        "let the node's Docker trust its authority; on a laptop `berth up` does",
    ),
    Hint(
        re.compile(r"Failed to pull .*proxyconnect"),
        "Docker asks a proxy for the registry",
        "add the registry's host to NO_PROXY in Docker's proxy settings on the node, and restart Docker",
    ),
    Hint(
        re.compile(r"driver failed programming external connectivity.*iptables failed"),
        "Docker cannot publish a port: its own firewall rules are gone",
        "restart Docker on the node; something flushed the kernel's tables, such as a firewall's reload",
    ),
    Hint(
        re.compile(_UNREACHED),
        "the node does not reach the registry",
        "start the registry, or open the node's way to it; on a laptop `berth up` starts it",
    ),
    Hint(
        re.compile(r"Failed to pull [^:]+:\S+: context deadline exceeded"),
        "the pull took longer than starts_within_s, {size.starts_within_s} s",
        "raise starts_within_s, make the image smaller, or move the registry nearer",
    ),
    Hint(
        re.compile(r"Downloading image"),
        "its image is still being pulled",
        "wait longer, or raise starts_within_s, {size.starts_within_s} s: so long Nomad waits for a pull and a start",
    ),
    Hint(
        re.compile(r"Missing: .*vault\.read\(database/"),
        "Vault has made no user of the database yet",
        "Vault makes no user in the database: see whether it runs and Vault reaches it",
    ),
    Hint(
        re.compile(r"Missing: .*vault\.read\(aws/"),
        "Vault has made no keys of AWS yet",
        "Vault gets no keys from AWS: see whether its STS answers, and whether the servers may assume the role",
    ),
    Hint(
        re.compile(r"OOM Killed"),
        "it took more memory than memory_mb, {size.memory_mb} MB",
        "raise memory_mb; what is written to /tmp or /dev/shm counts too",
    ),
)


def plain(said: str, service: Service) -> str:
    """Give what was said with its meaning before it; unchanged where nothing is known about it."""
    return next((f"{one.what.format(size=service.size)}: {said}" for one in _known(said)), said)


def fixes(said: str, service: Service) -> str:
    """Give what to do about all that was said; empty where nothing is known about it."""
    return "; ".join(dict.fromkeys(one.fix.format(size=service.size) for one in _known(said)))


def _known(said: str) -> Iterator[Hint]:
    return (one for one in _HINTS if one.words.search(said))
