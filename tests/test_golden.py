"""Everything rendered, whole, as files: `make golden` writes them again and git shows what changed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nomad_jobs.model import Service
from nomad_jobs.platform import Platform
from scripts.ops import rendering
from tests.support.platforms import CLOUD, CONTAINERS, IN_CLOUD, LAPTOP, ON_CONTAINERS, ON_LAPTOP, test_pins

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = {"llama-4-scout/key-operator": 3}
"""One secret is pinned, as a deployment pins all; the others show version 0."""


@pytest.mark.parametrize(
    ("name", "platform", "services"),
    [
        ("local", LAPTOP, ON_LAPTOP),
        ("local-containers", CONTAINERS, ON_CONTAINERS),
        ("prod", CLOUD, IN_CLOUD),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_rendered_is_what_was_reviewed(
    name: str, platform: Platform, services: Sequence[Service], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pins = test_pins(*(service.container.image for service in services))
    rendering.write(rendering.render(services, platform, pins, VERSIONS), tmp_path)
    rendered = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    folder = GOLDEN / name
    if request.config.getoption("--golden"):
        for old in folder.rglob("*.*"):
            old.unlink()
        for path, text in rendered.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    golden = {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert sorted(rendered) == sorted(golden), "run `make golden` and read the diff"
    for path, text in rendered.items():
        assert text == golden[path], f"{path} differs: run `make golden` and read the diff"
