"""Finds what is wrong with the settings that say who may log in: pipelines of GitLab, and people."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from infra.access.people import PeopleConfig
from infra.config.private import is_private
from infra.config.reader import fix
from nomad_jobs.errors import ConfigError

_HTTPS = re.compile(r"^https://[A-Za-z0-9.-]+(:\d+)?$")
_PROJECT = re.compile(r"^[\w.-]+(/[\w.-]+)+$")
_OTHERS = (IPv4Network("192.168.10.0/24"), IPv4Network("172.16.10.0/24"))
_GROUP = re.compile(r"^/?[\w.-]+(/[\w.-]+)*$")


def login_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield every fault of `berth:gitlab` and `berth:people`."""
    yield from _gitlab_faults(found)
    people = found.get("people")
    if people is not None:
        yield from _provider_faults(people, found)
        yield from _group_faults(people)


def _fault(key: str, what: str, example: object) -> ConfigError:
    path = f"berth:{key}"
    return ConfigError(path, what, fix(path, example))


def _gitlab_faults(found: Mapping[str, Any]) -> Iterator[ConfigError]:
    gitlab = found.get("gitlab")
    if gitlab is None:
        return
    if not _HTTPS.match(gitlab.url):
        yield _fault("gitlab.url", f"'{gitlab.url}' must be https:// and a host", "https://gitlab.example.com")
    if not _PROJECT.match(gitlab.project_path):
        what = f"'{gitlab.project_path}' must be the project's whole path; a pattern would admit other projects"
        yield _fault("gitlab.project_path", what, "group/project")
    if gitlab.project_id < 1:
        yield _fault("gitlab.project_id", f"{gitlab.project_id} is no project's ID, which its page shows", 22)
    for key, value in (("branch", gitlab.branch), ("environment", gitlab.environment)):
        if any(sign in value for sign in "*?"):
            yield _fault(
                f"gitlab.{key}", f"'{value}' must be one {key}, not a pattern", {"branch": "main"}.get(key, "prod")
            )


def _provider_faults(people: PeopleConfig, found: Mapping[str, Any]) -> Iterator[ConfigError]:
    if not _HTTPS.match(people.url):
        yield _fault("people.url", f"'{people.url}' must be https:// and a host", "https://gitlab.example.com")
    cidr = found.get("cidr")
    if not is_private(people.network):
        what = f"{people.network} is not private, and servers have no way to the internet"
        yield _fault("people.network", what, "192.168.10.0/24")
    elif cidr is not None and people.network.overlaps(cidr):
        what = f"{people.network} overlaps berth:cidr, the stack's own network"
        yield _fault("people.network", what, next(one for one in _OTHERS if not one.overlaps(cidr)))


def _group_faults(people: PeopleConfig) -> Iterator[ConfigError]:
    if not people.groups:
        yield _fault("people.operator", "no group is named, so nobody could log in", "platform/operators")
    holders: dict[str, str] = {}
    for holder, group in people.groups.items():
        if not _GROUP.match(group):
            what = f"'{group}' must be a group's whole path, not a pattern"
            yield _fault(f"people.{holder}", what, f"platform/{holder}")
        elif group in holders:
            what = f"'{group}' is the group of {holders[group]} already: who gives access must not deploy, and so on"
            yield _fault(f"people.{holder}", what, f"platform/{holder}")
        holders.setdefault(group, holder)
