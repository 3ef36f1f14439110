"""The template engine and its escapes: whatever a value holds, a rendered file has it as data."""

import json
import re
import traceback
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import is_normalized

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError

from nomad_jobs.errors import ConfigError
from nomad_jobs.model.interpolation import pieces

_HEREDOC_SAFE = re.compile(r"[\n\t -~\u00a1-\u2027\u202a-\ud7ff\ue000-\ufffd]*\n")
"""Printable lines: anything else is clearer, and safer, in a quoted string."""
_MARK = "EOT"
_HCL_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F, 0x2028, 0x2029)} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
"""HCL knows these and `\\uXXXX`, but not JSON's `\\b` and `\\f`."""


def hcl(value: object) -> str:
    r"""Write `value` as HCL: strings with quotes, newlines, `${` and `%{` escaped, lists and numbers as such."""
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(hcl(one) for one in value) + "]"
    quoted = str(value).translate(_HCL_ESCAPES)
    return '"' + quoted.replace("${", "$${").replace("%{", "%%{") + '"'


def driver_text(value: str) -> str:
    """Write a word of a driver's configuration, which Nomad reads a second time, on the node, as a template of HCL.

    There Nomad fills in what `FILLED_IN` matches; everything else, `${HOME}` and `%{http_code}` too, stays unchanged.
    """
    return "".join(
        "${" + piece + "}" if is_name else _MARKS.sub(_as_expression, piece) for piece, is_name in pieces(value)
    )


_MARKS = re.compile(r"[$%]+(?=\{|$)|\r+")
"""What HCL would not read as text: `$` and `%` before a brace or before a name, and a lone carriage return, behind
which it fills in nothing. HCL's own escapes for them do not nest."""


def _as_expression(marks: re.Match[str]) -> str:
    return '${"' + marks.group().replace("\r", "\\r") + '"}'


def hcl_text(value: str) -> str:
    """Write a text of several lines as a heredoc, which people can read; as a quoted string where HCL allows none."""
    if not _HEREDOC_SAFE.fullmatch(value) or any(line.strip() == _MARK for line in value.splitlines()):
        return hcl(value)
    escaped = value.replace("${", "$${").replace("%{", "%%{")
    return f"<<{_MARK}\n{escaped}{_MARK}"


def consul_template(value: str) -> str:
    """Write `value` so that Consul-Template writes it unchanged: braces become string actions.

    Nomad's HCL composes Unicode (NFC); text that this would change travels as base64.
    """
    if not is_normalized("NFC", value):
        return '{{ base64Decode "' + b64encode(value.encode()).decode() + '" }}'
    return re.sub(r"\{{2,}|\{$", lambda braces: '{{ "' + braces.group() + '" }}', value)


def render(folder: Path, name: str, context: Mapping[str, Any]) -> str:
    """Render the template `name` of `folder`.

    Raises:
        ConfigError: the template is wrong, or names a value that `context` lacks; the error gives its file and line.

    """
    try:
        return environment(folder).get_template(name).render(context)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{error.filename or name}:{error.lineno}", str(error.message), "fix the template") from None
    except TemplateError as error:
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(str(folder))]
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
        raise ConfigError(where, str(error.message), "fix the template, or give it the value") from None


@cache
def environment(folder: Path) -> Environment:
    """Jinja with `[[ x ]]`, `[% if %]` and `[# #]`, as `{{ }}` is Consul-Template's; a missing name is an error."""
    env = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - HCL and NGINX text, not HTML; the filters below escape
    )
    filters: dict[str, Callable[..., str]] = {"hcl": hcl, "hcl_text": hcl_text, "driver_text": driver_text}
    env.filters.update(filters)
    return env
