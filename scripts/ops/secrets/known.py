"""The secrets of the catalogue by name, with who reads each, and what a name on the command line means."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nomad_jobs.errors import ConfigError
from nomad_jobs.keys import pin_key
from nomad_jobs.model import Origin, Secret, Service, secret_path
from nomad_jobs.platform import Platform
from nomad_jobs.registry import REGISTRY

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A service that reads a secret."""

    service: Service
    follows: bool
    """Whether its instances take up a new version while they run."""
    reads_once: bool
    """Whether its instances read it when they begin, so that a deployment brings a new version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A secret as the catalogue has it: its name, and all that its readers ask of it."""

    name: str
    """`<owner>/<name>`: its path below the namespace."""
    fields: tuple[str, ...] = ()
    origin: Origin = Origin.OPERATOR
    readers: tuple[Reader, ...] = ()
    pin: str = ""
    """The key in Consul of the version that running instances follow; empty: none follows."""
    is_known: bool = True
    """Whether the catalogue names it."""

    @property
    def following(self) -> tuple[Service, ...]:
        """The readers whose running instances take up a new version, whole."""
        return tuple(one.service for one in self.readers if one.follows and not one.reads_once)

    @property
    def deployed(self) -> tuple[Service, ...]:
        """The readers that a deployment brings a new version."""
        return tuple(one.service for one in self.readers if one.reads_once)


def known(services: Sequence[Service], platform: Platform) -> dict[str, Known]:
    """Collect the secrets that `services` and nodes read, by name and in the catalogue's order; pure."""
    pairs: dict[str, list[tuple[Service, Secret]]] = {}
    for service in services:
        for secret in service.secrets:
            pairs.setdefault(secret_path(secret, service), []).append((service, secret))
    found = {name: _known(name, read, platform) for name, read in pairs.items()}
    if platform.runs_containers:
        login = REGISTRY.login
        name = f"{login.owner}/{login.name}"
        found.setdefault(name, Known(name=name, fields=login.fields, origin=login.origin))
    return found


def find(name: str, secrets: Mapping[str, Known], *, unknown: bool = False, has_option: bool = True) -> Known:
    """Find a secret by the name that was given; with `unknown`, also one that the catalogue does not have.

    The message offers `--unknown` unless the verb has no such option.

    Raises:
        ConfigError: the catalogue has none of this name, or it cannot be a name. `name=value` is not shown.

    """
    if name in secrets:
        return secrets[name]
    if "=" in name:
        raise value_in_argument(name.partition("=")[0])
    if not _NAME.fullmatch(name):
        fix = "a name is <owner>/<name>, such as " + next(iter(secrets), "bot-detector/api-key")
        raise ConfigError(f"secret {name!r}", "is no name of a secret", fix)
    if not unknown:
        near = difflib.get_close_matches(name, secrets, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(secrets) or 'none'}"
        option = f"{'' if near else ';'} `--unknown` takes any name" if has_option else ""
        raise ConfigError(f"secret {name!r}", "is not in the catalogue", f"{hint}{option}")
    return Known(name=name, is_known=False)


def value_in_argument(name: str, stacks: Sequence[str] = ()) -> ConfigError:
    """Refuse what stands where a stack of `stacks` should, or after it: it may be a value, and is not shown."""
    what = f"what follows it is none of {', '.join(stacks)}" if stacks else "what follows its = is not taken"
    fix = "pipe a value to stdin; one that was an argument is in the shell's history, so choose another"
    return ConfigError(f"secret {name!r}", f"{what}, and is not shown: it may be a value", fix)


def _known(name: str, read: Sequence[tuple[Service, Secret]], platform: Platform) -> Known:
    origins = [secret.origin for _, secret in read]
    service, secret = read[0]
    readers = tuple(_reader(one, other) for one, other in read)
    return Known(
        name=name,
        fields=tuple(dict.fromkeys(field for _, one in read for field in one.fields)),
        origin=next((one for one in origins if one is not Origin.TOKEN), Origin.TOKEN),
        readers=readers,
        pin=pin_key(secret, service, platform) if any(one.follows for one in readers) else "",
    )


def _reader(service: Service, secret: Secret) -> Reader:
    return Reader(
        service=service,
        follows=secret in service.followed_secrets,
        reads_once=secret in service.pinned_secrets,
    )
