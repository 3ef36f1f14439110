"""Files of formats that programs share: JSON, and the one in which AWS's SDKs look for keys."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from nomad_jobs.model.composed import Composed, Field
from nomad_jobs.model.credentials import CredentialRef, DynamicAws
from nomad_jobs.model.file import File, OnChange, Part, Peers, Versions
from nomad_jobs.model.secret import SecretRef

JsonValue = str | int | Field | Composed | Versions | Peers | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
"""What a JSON file may hold; a secret field, as a JSON value, is written by the node."""


def json_file(
    path: str,
    value: JsonValue,
    *,
    is_reread: bool = False,
    on_change: OnChange = OnChange.NOOP,
    mounted_at: str = "",
) -> File:
    """Build a JSON file of one line from `value`: its secret fields and peers are looked up on the node."""
    parts = (*_json_parts(value), "\n")
    return File(path=path, parts=parts, is_reread=is_reread, on_change=on_change, mounted_at=mounted_at)


def aws_file(path: str, keys: DynamicAws, *, is_reread: bool = False, on_change: OnChange = OnChange.NOOP) -> File:
    """Build the file that AWS's SDKs read where AWS_SHARED_CREDENTIALS_FILE names it."""
    parts = (
        "[default]\naws_access_key_id = ",
        keys["access_key"].raw,
        "\naws_secret_access_key = ",
        keys["secret_key"].raw,
        "\naws_session_token = ",
        keys["security_token"].raw,
        "\n",
    )
    return File(path=path, parts=parts, is_reread=is_reread, on_change=on_change)


def _json_parts(value: JsonValue) -> Iterator[Part]:
    match value:
        case SecretRef() | CredentialRef() | Versions() | Peers():
            yield value
        case Composed():
            yield replace(value, quoted=True)
        case Mapping():
            yield "{"
            for number, (name, one) in enumerate(value.items()):
                yield f"{', ' if number else ''}{json.dumps(name)}: "
                yield from _json_parts(one)
            yield "}"
        case str() | int():
            yield json.dumps(value)
        case _:
            yield "["
            for number, one in enumerate(value):
                yield ", " if number else ""
                yield from _json_parts(one)
            yield "]"
