"""Renders what Nomad writes into a task: files and variables as Consul templates, which read secrets on the node."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nomad_jobs.keys import pin_key
from nomad_jobs.model import Env, File, Part, Peers, Secret, SecretRef, Service, Source, Versions, secret_path
from nomad_jobs.model.file import TOLD_PINNED, VARIABLES
from nomad_jobs.model.interpolation import pieces
from nomad_jobs.platform import Platform
from nomad_jobs.text import consul_template

ROOT = Path(__file__).parent.parent

SecretVersions = Mapping[str, int]
"""The version to read of each secret, by its path below the namespace; for Vault, 0 is the newest."""

_TEXT_OF_A_FIELD = (
    '{{ define "text" }}{{ if sprig_kindIs "string" . }}{{ . }}{{ else if sprig_kindIs "invalid" . }}'
    '{{ sprig_fail "the field is missing or null" }}{{ else }}{{ . | toJSON }}{{ end }}{{ end }}'
)
"""Writes a text unchanged and any other value as its JSON; a missing field or `null` fails the template."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedFile:
    """One `template` block of a task."""

    path: str
    data: str
    perms: str = "0600"
    env: bool = False
    once: bool = True
    on_change: str = "noop"
    script: tuple[str, ...] = ()


def is_literal(env: Env) -> bool:
    """Tell whether a variable may stand in the job itself, where Nomad fills in `${…}` and offers no escape."""
    return isinstance(env.value, str) and "${" not in env.value


def rendered_files(service: Service, platform: Platform, versions: SecretVersions) -> Iterator[RenderedFile]:
    """Render the variables that cannot stand in the job, then each file."""
    writer = _Writer(service, platform, versions)
    # Nomad reads a text once where nothing in the task changes, so an instance keeps running while Vault is away. It
    # does not wait for such texts beside others that change: a task began without its variables.
    once = not any(file.follows or any(isinstance(part, Peers) for part in file.parts) for file in service.files)
    if variables := [env for env in service.env if not is_literal(env)]:
        lines = "".join(f"{env.name}={writer.variable(env.value)}\n" for env in variables)
        # An environment file may begin with a blank line, which makes its lines easier to read.
        yield RenderedFile(path=VARIABLES, data=_with_definition(f"\n{lines}"), env=True, once=once)
    if service.pinned_secrets:
        yield RenderedFile(path=TOLD_PINNED, data=writer.pinned_versions() + "\n", once=once)
    for file in service.files:
        yield RenderedFile(
            path=file.path,
            data=_template(file) if file.is_template else _with_definition(writer.text(file)),
            once=once,
            on_change=file.on_change.value,
            script=file.script,
        )


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the contents of one service's task."""

    service: Service
    platform: Platform
    versions: SecretVersions

    def text(self, file: File) -> str:
        return "".join(self._part(part, file) for part in _joined(file.parts))

    def variable(self, value: str | SecretRef) -> str:
        """Write a value for an environment file, which reads it as JSON does: in quotes."""
        if isinstance(value, SecretRef):
            return _with_secret(self._pinned(value.secret), f"{_field_as_text(value)} | toJSON")
        filled = (f'{{{{ env "{piece}" }}}}' if is_name else _without_quotes(piece) for piece, is_name in pieces(value))
        return f'"{"".join(filled)}"'

    def _part(self, part: Part, file: File) -> str:
        match part:
            case SecretRef(secret, _, quoted):
                value = f"{_field(part)} | toJSON" if quoted else _field_as_text(part)
                return _with_secret(self._followed(secret) if file.follows else self._pinned(secret), value)
            case Versions():
                return self._versions(file.secrets, self._followed if file.follows else self._pinned)
            case Peers(name):
                return (
                    f'[{{{{ range $i, $peer := service "{name}" }}}}{{{{ if $i }}}}, {{{{ end }}}}'
                    '{"address": {{ $peer.Address | toJSON }}, "port": {{ $peer.Port }}}{{ end }}]'
                )
            case Source(path):
                return consul_template(_source(path))
            case str():
                return consul_template(part)

    def pinned_versions(self) -> str:
        """Write the versions that the task reads once, as JSON."""
        return self._versions(self.service.pinned_secrets, self._pinned)

    def _versions(self, secrets: Iterable[Secret], place: Callable[[Secret], str]) -> str:
        """Write the number that Vault gave with each secret; `place` says where the node reads it."""
        each = (
            f"{json.dumps(secret_path(one, self.service))}: {_with_secret(place(one), '.Data.metadata.version')}"
            for one in secrets
        )
        return f"{{{', '.join(each)}}}"

    def _pinned(self, secret: Secret) -> str:
        path = secret_path(secret, self.service)
        return f'"secret/data/{self.platform.namespace}/{path}?version={self.versions.get(path, 0)}"'

    def _followed(self, secret: Secret) -> str:
        path = f"secret/data/{self.platform.namespace}/{secret_path(secret, self.service)}"
        return f'(printf "{path}?version=%s" (key "{pin_key(secret, self.service, self.platform)}"))'


def _with_secret(path: str, value: str) -> str:
    return f"{{{{ with secret {path} }}}}{{{{ {value} }}}}{{{{ end }}}}"


def _field(ref: SecretRef) -> str:
    return f"index .Data.data {json.dumps(ref.field)}"


def _field_as_text(ref: SecretRef) -> str:
    return f'executeTemplate "text" ({_field(ref)})'


def _with_definition(text: str) -> str:
    return _TEXT_OF_A_FIELD + text if 'executeTemplate "text"' in text else text


def _without_quotes(text: str) -> str:
    return consul_template(json.dumps(text, ensure_ascii=False)[1:-1])


def _template(file: File) -> str:
    return "".join(_source(part.path) if isinstance(part, Source) else str(part) for part in file.parts)


def _joined(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Join neighbouring texts, so that a brace at the end of one cannot meet a brace of the next."""
    text = ""
    for part in parts:
        if isinstance(part, str | Source):
            text += _source(part.path) if isinstance(part, Source) else part
        else:
            yield text
            yield part
            text = ""
    yield text


@cache
def _source(path: str) -> str:
    return (ROOT / path).read_text()
