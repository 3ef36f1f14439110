"""What Nomad fills in on the node: `${NOMAD_…}` and `${BERTH_…}`, and nothing else that looks like it."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import is_normalized

FILLED_IN = re.compile(r"\$\{((?:NOMAD|BERTH)_[A-Za-z0-9_]*)\}")
SET_BY_BERTH = frozenset({"BERTH_BIND", "BERTH_STACK", "BERTH_TLS_ROUTES", "BERTH_LONGEST_REQUEST_S"})
_ALWAYS_SET = frozenset(
    {
        *("BERTH_BIND", "BERTH_STACK"),
        *("NOMAD_ALLOC_DIR", "NOMAD_TASK_DIR", "NOMAD_SECRETS_DIR"),
        *("NOMAD_ALLOC_ID", "NOMAD_SHORT_ALLOC_ID", "NOMAD_ALLOC_NAME", "NOMAD_ALLOC_INDEX"),
        *("NOMAD_TASK_NAME", "NOMAD_GROUP_NAME", "NOMAD_JOB_ID", "NOMAD_JOB_NAME"),
        *("NOMAD_NAMESPACE", "NOMAD_REGION", "NOMAD_DC", "NOMAD_CPU_LIMIT", "NOMAD_MEMORY_LIMIT"),
    }
)
_FOR_EACH_PORT = ("PORT", "IP", "ADDR", "HOST_PORT", "HOST_IP", "HOST_ADDR")


def unknown_names(text: str, port_labels: Sequence[str]) -> Iterator[str]:
    """Name what `text` asks Nomad to fill in, and Nomad has not."""
    labels = [label.replace("-", "_") for label in port_labels]
    known = _ALWAYS_SET | {f"NOMAD_{what}_{label}" for what in _FOR_EACH_PORT for label in labels}
    yield from (name for name in FILLED_IN.findall(text) if name not in known)


def word_faults(word: str, port_labels: Sequence[str]) -> Iterator[str]:
    """Name what would not reach a program as it is written, in an argument or a variable."""
    if not is_normalized("NFC", word):
        yield f"{word!r} is not in Unicode's composed form (NFC), and HCL would change it: compose it"
    if "\0" in word:
        yield f"{word!r} holds a NUL byte, which no program can be given"
    for name in unknown_names(word, port_labels):
        yield f"{word!r} names ${{{name}}}, which Nomad does not set for this service"


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split `text` into what stands as it is (False) and names that Nomad fills in (True), in their order."""
    for number, piece in enumerate(FILLED_IN.split(text)):
        if piece or number % 2:
            yield piece, bool(number % 2)
