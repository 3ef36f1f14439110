"""What differs between a job on a laptop with containers and on a cloud stack: the list in docs/architecture.md."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import Gpus, Service
from nomad_jobs.platform import Platform
from nomad_jobs.render import render_job
from scripts.ops.clients.nomad import Nomad
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import shell
from tests.support.platforms import CLOUD, test_pins

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
HEADING = "## What still differs from a cloud stack"
SAME = [replace(service, overrides=()) for service in SERVICES]
"""The catalogue at production's size: each service's file says what a laptop has instead."""
GPU = shell("test-gpu", size=replace(SAME[0].size, gpus=Gpus(count=1)))


def parsed(nomad: Nomad, service: Service, platform: Platform) -> dict[str, Any]:
    """Have Nomad read the job, as it would run on `platform`."""
    pins = test_pins(*(one.container.image for one in (*SAME, GPU)))
    return nomad.parse(render_job(service, platform, images=pins))


def differing(here: Any, there: Any, place: str = "") -> Iterator[str]:
    """Yield the place of each value that differs; lists count by their items, and numbers of items are left out."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in here.keys() | there.keys():
            yield from differing(here.get(key), there.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for one, other in zip(here, there, strict=True):
            yield from differing(one, other, place)
    elif here != there:
        yield place


def rows() -> dict[str, list[str]]:
    """Read the table: the first cell of each row names a key of a job, or says `agents`."""
    _, _, rest = PAGE.read_text().partition(f"{HEADING}\n")
    section = rest.partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {key: rest for cell, *rest in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_the_page_lists_exactly_what_differs_between_the_jobs(with_containers: ContainerLaptop) -> None:
    laptop = with_containers.laptop
    found = {
        place
        for service in (*SAME, GPU)
        for place in differing(
            parsed(laptop.target.nomad, service, laptop.platform), parsed(laptop.target.nomad, service, CLOUD)
        )
    }
    assert sorted(found) == sorted(rows())


def test_each_row_says_what_is_there_on_either_and_why() -> None:
    assert [key for key, cells in rows().items() if len(cells) != 3 or not all(cells)] == []
