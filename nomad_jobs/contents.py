"""Renders what Nomad writes into a task: files and variables as Consul templates, which read secrets on the node."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from nomad_jobs.keys import pin_key
from nomad_jobs.lookups import filled, json_of, text_of, with_definition, with_secret, within
from nomad_jobs.model import (
    Composed,
    CredentialRef,
    Env,
    File,
    OnChange,
    Part,
    Peers,
    Secret,
    SecretRef,
    Service,
    Source,
    Versions,
    secret_path,
)
from nomad_jobs.model.composed import Field
from nomad_jobs.model.file import TOLD_PINNED, VARIABLES, VAULT_CA
from nomad_jobs.platform import Platform
from nomad_jobs.text import consul_template

ROOT = Path(__file__).parent.parent

SecretVersions = Mapping[str, int]
"""The version to read of each secret, by its path below the namespace; for Vault, 0 is the newest."""


_VAULT_CA_TEXT = '{{ with secret "pki/cert/ca" }}{{ .Data.certificate }}{{ end }}\n'
"""The stack's authority, which Vault tells everybody."""


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
    once = not (service.credentials or any(file.follows or file.has_peers for file in service.files))
    if variables := [env for env in service.env if not is_literal(env)]:
        lines = "".join(f"{env.name}={writer.variable(env.value)}\n" for env in variables)
        on_change = OnChange.RESTART if any(env.credentials for env in variables) else OnChange.NOOP
        # An environment file may begin with a blank line, which makes its lines easier to read.
        data = with_definition(f"\n{lines}")
        yield RenderedFile(path=VARIABLES, data=data, env=True, once=once, on_change=on_change.value)
    if service.pinned_secrets:
        yield RenderedFile(path=TOLD_PINNED, data=writer.pinned_versions() + "\n", once=once)
    if service.transit and platform.speaks_tls:
        yield RenderedFile(path=VAULT_CA, data=_VAULT_CA_TEXT, perms="0644", once=once)
    for file in service.files:
        yield RenderedFile(
            path=file.path,
            data=_template(file) if file.is_template else with_definition(writer.text(file)),
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

    def variable(self, value: str | Field | Composed) -> str:
        """Write a value for an environment file, which reads it as JSON does: in quotes."""
        match value:
            case str():
                return f'"{filled(value, quoted=True)}"'
            case Composed():
                return self._composed(replace(value, quoted=True), follows=False)
            case _:
                return with_secret(self._path(value, follows=False), f"{text_of(value)} | toJSON")

    def _composed(self, value: Composed, *, follows: bool) -> str:
        written = (
            filled(piece, quoted=value.quoted)
            if isinstance(piece, str)
            else with_secret(self._path(piece, follows=follows), within(piece, value))
            for piece in value.pieces
        )
        mark = '"' if value.quoted else ""
        return f"{mark}{''.join(written)}{mark}"

    def _path(self, ref: Field, *, follows: bool) -> str:
        if isinstance(ref, CredentialRef):
            return json.dumps(ref.source.path(self.service.name))
        return self._followed(ref.secret) if follows else self._pinned(ref.secret)

    def _part(self, part: Part, file: File) -> str:
        match part:
            case SecretRef() | CredentialRef():
                value = json_of(part) if part.quoted else text_of(part)
                return with_secret(self._path(part, follows=file.follows), value)
            case Composed():
                return self._composed(part, follows=file.follows)
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
            f"{json.dumps(secret_path(one, self.service))}: {with_secret(place(one), '.Data.metadata.version')}"
            for one in secrets
        )
        return f"{{{', '.join(each)}}}"

    def _pinned(self, secret: Secret) -> str:
        path = secret_path(secret, self.service)
        return f'"secret/data/{self.platform.namespace}/{path}?version={self.versions.get(path, 0)}"'

    def _followed(self, secret: Secret) -> str:
        path = f"secret/data/{self.platform.namespace}/{secret_path(secret, self.service)}"
        return f'(printf "{path}?version=%s" (key "{pin_key(secret, self.service, self.platform)}"))'


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
