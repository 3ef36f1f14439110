"""What is wrong with one service, in words: everything that can be seen without the rest of the catalogue."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from unicodedata import is_normalized

from nomad_jobs.errors import ConfigError
from nomad_jobs.images import ImageRef

if TYPE_CHECKING:
    from nomad_jobs.model.service import Service

PORT_MIN = 1024
"""Ports below are the kernel's and the ingress nodes'; a container never needs one."""

_NAME = re.compile(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
_ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_RELATIVE = re.compile(r"^(local|secrets)/[A-Za-z0-9._/-]+$")


def faults(service: "Service") -> Iterator[str]:
    """Name every fault of one service, one line each."""
    yield from _name_faults(service)
    yield from _port_faults(service)
    yield from _content_faults(service)
    if not service.summary.isprintable() or not service.summary:
        yield "summary must be one printable line"
    try:
        ImageRef.parse(service.container.image)
    except ConfigError as error:
        yield str(error)
    for shape in (service.container, service.process):
        if shape.instances < 1 or shape.cpu_mhz < 1 or shape.memory_mb < 1:
            yield "instances, cpu_mhz and memory_mb must be at least 1"
        if shape.gpus and shape.gpus.count < 1:
            yield "gpus.count must be at least 1; leave gpus out for none"


def _content_faults(service: "Service") -> Iterator[str]:
    for file in service.files:
        if not _RELATIVE.match(file.path) or ".." in file.path:
            yield f"file {file.path!r} must be under local/ or secrets/"
        if file.refs and not file.path.startswith("secrets/"):
            yield f"file {file.path!r} holds a secret, so it must be under secrets/"
    for check in service.script_checks:
        if "${" in check.script:
            yield f"script check '{check.name}' must say $NAME, not ${{NAME}}: Nomad would interpolate it"
    for env in service.env:
        if not _ENV_NAME.match(env.name):
            yield f"environment variable {env.name!r} must be letters, digits and _"
    words = [*service.container.argv, *service.process.argv, *(one.value for one in service.env)]
    for word in words:
        if isinstance(word, str) and not is_normalized("NFC", word):
            yield f"{word!r} is not in Unicode's composed form (NFC), and HCL would change it: compose it"


def _name_faults(service: "Service") -> Iterator[str]:
    named = [("name", service.name), *(("port label", port.label) for port in service.ports)]
    named += [("host", service.route.host)] if service.route else []
    for secret in service.secrets:
        named += [("secret", secret.name), *(("secret owner", part) for part in [secret.owner] if part)]
        named += [("secret field", name.replace("_", "-")) for name in secret.fields]
    named += [("used service", name) for name in service.uses]
    for what, name in named:
        if not _NAME.match(name):
            yield f"{what} {name!r} must be lower-case letters, digits and dashes, starting with a letter"


def _port_faults(service: "Service") -> Iterator[str]:
    labels = [port.label for port in service.ports]
    if not labels:
        yield "needs at least one port"
    if len(set(labels)) < len(labels):
        yield f"port labels {', '.join(labels)} must differ"
    for port in service.ports:
        if not PORT_MIN <= port.container <= 65535:  # noqa: PLR2004 - TCP's last port
            yield f"port {port.label} is {port.container}, but must be {PORT_MIN} to 65535"
    asked = [check.port for check in service.checks] + ([service.route.port] if service.route else [])
    for label in dict.fromkeys(asked):
        if label not in labels:
            yield f"no port is labelled {label!r}; there is {', '.join(labels) or 'none'}"
    for check in service.checks:
        if check.protocol not in {"http", "https", "tcp"}:
            yield f"check protocol {check.protocol!r} must be http, https or tcp"
        if not check.path.startswith("/"):
            yield f"check path {check.path!r} must start with /"
