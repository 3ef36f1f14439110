"""What is wrong with one service, in words: everything that can be seen without the rest of the catalogue."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from unicodedata import is_normalized

from nomad_jobs.errors import ConfigError
from nomad_jobs.images import ImageRef
from nomad_jobs.model.file import File, Source
from nomad_jobs.model.interpolation import SET_BY_BERTH, unknown_names
from nomad_jobs.model.network import Route

if TYPE_CHECKING:
    from nomad_jobs.model.service import Service

PORT_MIN = 1024
"""Ports below are the kernel's and the ingress nodes'; a container never needs one."""
DAY_S = 86_400

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RELATIVE = re.compile(r"(local|secrets)/[A-Za-z0-9._/-]+")
_ROUTE_PATH = re.compile(r"/([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)?")
"""What a person writes as a path: no encoding, no `..`, no `//`, nothing that NGINX would read as more than a path."""
_CHECK_PATH = re.compile(r"/[!-~]*")
_LONGEST_PATH = 200
_MOST_PATHS = 50


def faults(service: "Service") -> Iterator[str]:
    """Name every fault of one service, one line each."""
    yield from _name_faults(service)
    yield from _port_faults(service)
    yield from _check_faults(service)
    yield from _route_faults(service.route) if service.route else ()
    yield from _content_faults(service)
    yield from _size_faults(service)
    if not service.summary.isprintable() or not service.summary:
        yield "summary must be one printable line"
    try:
        ImageRef.parse(service.container.image)
    except ConfigError as error:
        yield str(error)


def _name_faults(service: "Service") -> Iterator[str]:
    named = [("name", service.name), *(("port label", port.label) for port in service.ports)]
    named += [("host", service.route.host)] if service.route else []
    for secret in service.secrets:
        named += [("secret", secret.name), *(("secret owner", part) for part in [secret.owner] if part)]
    named += [("used service", name) for name in service.uses]
    for what, name in named:
        if not _NAME.fullmatch(name):
            yield f"{what} {name!r} must be lower-case letters, digits and dashes, starting with a letter"
    for name in dict.fromkeys(name for secret in service.secrets for name in secret.fields):
        if not _FIELD_NAME.fullmatch(name):
            yield f"secret field {name!r} must be letters, digits and _ . - between them"


def _port_faults(service: "Service") -> Iterator[str]:
    labels = [port.label for port in service.ports]
    if not labels:
        yield "needs at least one port"
    if len(set(labels)) < len(labels):
        yield f"port labels {', '.join(labels)} must differ"
    for port in service.ports:
        yield from out_of_range(f"port {port.label}", port.container, PORT_MIN, 65535)
    asked = [check.port for check in service.checks] + ([service.route.port] if service.route else [])
    for label in dict.fromkeys(asked):
        if label not in labels:
            yield f"no port is labelled {label!r}; there is {', '.join(labels) or 'none'}"


def _check_faults(service: "Service") -> Iterator[str]:
    for check in service.checks:
        if check.protocol not in {"http", "https", "tcp"}:
            yield f"check protocol {check.protocol!r} must be http, https or tcp"
        if not check.path.startswith("/"):
            yield f"check path {check.path!r} must start with /"
        elif not _CHECK_PATH.fullmatch(check.path) or "${" in check.path:
            yield f"check path {check.path!r} must be a path as it stands in a request, without spaces or ${{…}}"
    for script in service.script_checks:
        if "${" in script.script:
            yield f"script check '{script.name}' must say $NAME, not ${{NAME}}: Nomad would interpolate it"
        if not script.name.isprintable() or "${" in script.name:
            yield f"script check {script.name!r} must have a printable name without ${{…}}"
    clocks = [(one.interval_s, one.timeout_s) for one in service.checks]
    clocks += [(one.interval_s, one.timeout_s) for one in service.script_checks]
    for interval_s, timeout_s in clocks:
        yield from out_of_range("check interval_s", interval_s, 1, 300)
        yield from out_of_range("check timeout_s", timeout_s, 1, 300)


def _route_faults(route: Route) -> Iterator[str]:
    yield from out_of_range("route longest_request_s", route.longest_request_s, 1, DAY_S)
    yield from out_of_range("route max_body_mb", route.max_body_mb, 1, 1024)
    if not route.paths:
        yield "route paths must name what NGINX lets through; ('/',) is everything that is not hidden"
    odd = [one for one in (*route.paths, *route.hidden) if not _ROUTE_PATH.fullmatch(one) or len(one) > _LONGEST_PATH]
    for path in odd:
        yield f"route path {path!r} must be plain, such as /v1/models (that path) or /v1/ (all below it)"
    for path in route.hidden:
        if path.endswith("/"):
            yield f"hidden path {path!r} must not end with /: what is below it is hidden as well"
    if max(len(route.paths), len(route.hidden)) > _MOST_PATHS:
        yield f"route has {len(route.paths)} paths and {len(route.hidden)} hidden ones, but may have {_MOST_PATHS}"
    sample = route.sample.path.partition("?")[0]
    if not _CHECK_PATH.fullmatch(route.sample.path):
        yield f"sample path {route.sample.path!r} must be a path as it stands in a request"
    elif route.paths and not odd and not route.lets_through(sample):
        yield f"sample path {sample!r} is not let through by the route's paths {', '.join(route.paths)}"


def _content_faults(service: "Service") -> Iterator[str]:
    for file in service.files:
        yield from _file_faults(file)
    for env in service.env:
        if not _ENV_NAME.fullmatch(env.name):
            yield f"environment variable {env.name!r} must be letters, digits and _"
        if env.name in SET_BY_BERTH or env.name.startswith("NOMAD_"):
            yield f"environment variable {env.name} is set by Nomad or Berth"
    words = [*service.container.argv, *service.process.argv, *(one.value for one in service.env)]
    labels = [port.label for port in service.ports]
    for word in (word for word in words if isinstance(word, str)):
        if not is_normalized("NFC", word):
            yield f"{word!r} is not in Unicode's composed form (NFC), and HCL would change it: compose it"
        if "\0" in word:
            yield f"{word!r} holds a NUL byte, which no program can be given"
        for name in unknown_names(word, labels):
            yield f"{word!r} names ${{{name}}}, which Nomad does not set for this service"


def _file_faults(file: File) -> Iterator[str]:
    if not _RELATIVE.fullmatch(file.path) or ".." in file.path:
        yield f"file {file.path!r} must be under local/ or secrets/"
    if file.refs and not file.path.startswith("secrets/"):
        yield f"file {file.path!r} holds a secret, so it must be under secrets/"
    if file.is_template and not all(isinstance(part, str | Source) for part in file.parts):
        yield f"file {file.path!r} is a template, so it can hold text only: no secret and no peers"


def _size_faults(service: "Service") -> Iterator[str]:
    for shape in (service.container, service.process):
        yield from out_of_range("instances", shape.instances, 0, 1000)
        yield from out_of_range("cpu_mhz", shape.cpu_mhz, 1, 10_000_000)
        yield from out_of_range("memory_mb", shape.memory_mb, 10, 100_000_000)
        yield from out_of_range("shm_mb", shape.shm_mb, 0, 10_000_000)
        yield from out_of_range("starts_within_s", shape.starts_within_s, 1, DAY_S)
        if shape.gpus:
            yield from out_of_range("gpus.count", shape.gpus.count, 1, 64)
    yield from out_of_range("healthy_for_s", service.healthy_for_s, 0, 3600)


def out_of_range(what: str, value: int, low: int, high: int) -> Iterator[str]:
    """Name a number that is none, or not between `low` and `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield f"{what} is {value!r}, but must be a whole number from {low} to {high}"
