"""Options and fixtures that every test may use."""

import signal
from typing import Any

import pytest

# A shell has its background jobs ignore Ctrl-C, and whatever these tests start would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write the golden files anew; then read the diff")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their file on one worker: xdist would make that fixture once on each.

    Where such tests build on each other, one that ran on another worker found an empty platform.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group") and _shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


def _shares_with_its_file(item: pytest.Item) -> bool:
    known: Any = getattr(item, "_fixtureinfo", None)
    definitions = [one for found in known.name2fixturedefs.values() for one in found] if known else []
    return any(one.scope == "module" for one in definitions)
