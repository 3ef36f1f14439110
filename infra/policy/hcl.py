"""Reads the settings of an HCL text, whatever its layout: enough of the language for the rules."""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"(?P<space>\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)"
    r"|(?P<heredoc><<-?(?P<mark>\w+)\n.*?\n[ \t]*(?P=mark)\b)"
    r'|"(?P<text>(?:\\.|[^"\\])*)"'
    r"|(?P<sign>[{}\[\]=,])"
    r'|(?P<word>[^\s{}\[\]=,"]+)',
    re.DOTALL,
)
_Token = tuple[str, str]
"""Its kind (`sign`, or another) and its text."""


def settings(text: str) -> Mapping[str, tuple[str, ...]]:
    """Give the values of each path, such as `plugin.raw_exec.config.enabled`: one for each time its block occurs.

    The path of a block itself has no values. A list is its members, joined by commas.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path, value in _statements(list(_tokens(text))):
        found[path] = (*found.get(path, ()), *value)
    return found


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "sign":
            yield "sign", match["sign"]
        elif kind != "space":
            yield "value", next(filter(None, (match["text"], match["word"], match["heredoc"])), "")


def _statements(tokens: list[_Token]) -> Iterator[tuple[str, tuple[str, ...]]]:
    path: list[str] = []
    head: list[str] = []
    place = 0
    while place < len(tokens):
        match tokens[place]:
            case ("sign", "{"):
                path.append(".".join(head))
                head = []
                yield ".".join(path), ()
            case ("sign", "}"):
                path = path[:-1]
                head = []
            case ("sign", "=") if place + 1 < len(tokens) and tokens[place + 1] != ("sign", "{"):
                end = tokens.index(("sign", "]"), place) if tokens[place + 1] == ("sign", "[") else place + 1
                value = ",".join(text for kind, text in tokens[place + 1 : end + 1] if kind == "value")
                yield ".".join([*path, *head[-1:]]), (value,)
                place = end
                head = []
            case ("value", text):
                head.append(text)
        place += 1
