"""The table of services is readable in any terminal: nothing that a person needs is cut."""

import pytest
from rich.console import Console

from scripts.ops.deploy.report import not_here, services_table
from tests.support.platforms import CLOUD, LAPTOP

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
        console.print(services_table(ROWS, {}))
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
        console.print(services_table([row], {}))
    assert "http://llama-4-scout.localhost:8080" in caught.get()


def test_what_is_not_here_has_a_row_that_says_why() -> None:
    absent = not_here(
        {"store": "it has no process, and containers are off", "web": "it uses 'store', which is left out"}, LAPTOP
    )
    console = Console(width=120)
    with console.capture() as caught:
        console.print(services_table([ROWS[1]], absent))
    store, web = caught.get().splitlines()[-2:]
    assert store.split(maxsplit=1)[1].startswith("not on this laptop: it has no process, and containers are off")
    assert web.split(maxsplit=1)[1].startswith("not on this laptop: it uses 'store', which is left out")


def test_a_cloud_stack_is_called_by_its_name() -> None:
    assert not_here({"store": "its file says that it is absent"}, CLOUD) == {
        "store": "not on prod: its file says that it is absent"
    }
