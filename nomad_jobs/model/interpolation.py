"""Names that Nomad fills in on the node: `${NOMAD_…}` and `${BERTH_…}`; any other `${…}` is plain text."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import is_normalized

FILLED_IN = re.compile(r"\$\{((?:NOMAD|BERTH)_[A-Za-z0-9_]*)\}")
GPUS = "BERTH_GPUS"
"""The number of GPUs of each instance, set where there are any."""
SET_BY_BERTH = frozenset({"BERTH_BIND", "BERTH_STACK", "BERTH_TLS_ROUTES", "BERTH_LONGEST_REQUEST_S", GPUS})
_ALWAYS_SET = frozenset(
    {
        "BERTH_BIND",
        "BERTH_STACK",
        "NOMAD_ALLOC_DIR",
        "NOMAD_TASK_DIR",
        "NOMAD_SECRETS_DIR",
        "NOMAD_ALLOC_ID",
        "NOMAD_SHORT_ALLOC_ID",
        "NOMAD_ALLOC_NAME",
        "NOMAD_ALLOC_INDEX",
        "NOMAD_TASK_NAME",
        "NOMAD_GROUP_NAME",
        "NOMAD_JOB_ID",
        "NOMAD_JOB_NAME",
        "NOMAD_NAMESPACE",
        "NOMAD_REGION",
        "NOMAD_DC",
        "NOMAD_CPU_LIMIT",
        "NOMAD_MEMORY_LIMIT",
    }
)
_FOR_EACH_PORT = ("PORT", "IP", "ADDR", "HOST_PORT", "HOST_IP", "HOST_ADDR")


def names_set(port_labels: Sequence[str], *, has_gpus: bool) -> frozenset[str]:
    """Give every name that Nomad and Berth set for a task with these ports."""
    labels = [label.replace("-", "_") for label in port_labels]
    of_ports = {f"NOMAD_{what}_{label}" for what in _FOR_EACH_PORT for label in labels}
    return _ALWAYS_SET | of_ports | ({GPUS} if has_gpus else set())


def word_faults(word: str, known: frozenset[str]) -> Iterator[str]:
    """Yield what keeps `word`, an argument or a variable, from a program for which the names `known` are set."""
    if not is_normalized("NFC", word):
        yield f"{word!r} is not in Unicode's composed form (NFC), and HCL would change it: compose it"
    if "\0" in word:
        yield f"{word!r} holds a NUL byte, which no program can be given"
    for name in FILLED_IN.findall(word):
        if name not in known:
            yield f"{word!r} names ${{{name}}}, which Nomad does not set for this service"


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split `text`, in order, into plain text (False) and names that Nomad fills in (True)."""
    for number, piece in enumerate(FILLED_IN.split(text)):
        if piece or number % 2:
            yield piece, bool(number % 2)
