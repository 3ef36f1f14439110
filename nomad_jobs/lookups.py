"""Writes how the node looks a value up in Vault, as actions of Consul-Template: quoted, plain, or within a text."""

import json

from nomad_jobs.model import Composed, SecretRef
from nomad_jobs.model.composed import Field
from nomad_jobs.model.interpolation import pieces
from nomad_jobs.text import consul_template

TEXT_OF_A_FIELD = (
    '{{ define "text" }}{{ if sprig_kindIs "string" . }}{{ . }}{{ else if sprig_kindIs "invalid" . }}'
    '{{ sprig_fail "the field is missing or null" }}{{ else }}{{ . | toJSON }}{{ end }}{{ end }}'
)
"""Writes a text unchanged and any other value as its JSON; a missing field or `null` fails the template."""
_PERCENT_ENCODED = '| urlquery | replaceAll "+" "%20"'
"""Go writes a space as `+`, which is a space in a form alone; a plus itself is `%2B` by then."""
_WITHIN_QUOTES = '| toJSON | regexReplaceAll "^\\"|\\"$" ""'


def with_definition(text: str) -> str:
    """Put the definition that `text` needs before it."""
    return TEXT_OF_A_FIELD + text if 'executeTemplate "text"' in text else text


def with_secret(path: str, value: str) -> str:
    """Write a value of what Vault has at `path`, an expression. The same path is asked once for all of a task."""
    return f"{{{{ with secret {path} }}}}{{{{ {value} }}}}{{{{ end }}}}"


def json_of(ref: Field) -> str:
    """Write a field as its JSON."""
    return f"{_index(ref)} | toJSON"


def text_of(ref: Field) -> str:
    """Write a field's text unchanged."""
    return f'executeTemplate "text" ({_index(ref)})'


def within(ref: Field, whole: Composed) -> str:
    """Write a field within a composed text."""
    if ref.quoted:
        return f"{text_of(ref)} {_PERCENT_ENCODED}"
    return f"{text_of(ref)} {_WITHIN_QUOTES}" if whole.quoted else text_of(ref)


def filled(text: str, *, quoted: bool) -> str:
    """Write a text in which the node fills in `${NOMAD_…}` and `${BERTH_…}`; `quoted`: within a JSON string."""
    return "".join(
        f'{{{{ env "{piece}" }}}}' if is_name else consul_template(json_inner(piece) if quoted else piece)
        for piece, is_name in pieces(text)
    )


def json_inner(text: str) -> str:
    """Write a text as within a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _index(ref: Field) -> str:
    return f"index .{'Data.data' if isinstance(ref, SecretRef) else 'Data'} {json.dumps(ref.field)}"
