"""The table of services is readable in any terminal: nothing that a person needs is cut."""

import pytest
from rich.console import Console

from scripts.ops.deploy.report import services_table

LONG = "meta-llama-llama-4-scout-17b-16e-instruct-with-a-long-tail"
ROWS = [
    {
        "service": LONG,
        "url": f"http://{LONG}.localhost:8080",
        "instances": 2,
        "wanted": 2,
        "gpus": 8,
        "addresses": ["127.0.0.1:20001", "127.0.0.1:20002"],
    },
    {"service": "chat", "url": "-", "instances": 0, "wanted": 1, "gpus": 0, "addresses": []},
]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_nothing_is_cut_whatever_the_width(width: int) -> None:
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as caught:
        console.print(services_table(ROWS))
    text = caught.get()
    assert "…" not in text
    lines = text.splitlines()
    starts = [lines[0].index(name) for name in ("service", "url", "up", "GPUs", "instances")]
    columns = [
        "".join(line[start:end].strip() for line in lines[1:])
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]
    assert columns[0] == f"{LONG}chat"
    assert columns[1] == f"http://{LONG}.localhost:8080-"
    assert columns[4] == "127.0.0.1:20001127.0.0.1:20002"


def test_a_usual_table_keeps_each_service_on_its_line() -> None:
    row = {**ROWS[0], "service": "llama-4-scout", "url": "http://llama-4-scout.localhost:8080"}
    console = Console(width=80)
    with console.capture() as caught:
        console.print(services_table([row]))
    assert "http://llama-4-scout.localhost:8080" in caught.get()
