"""The content key of an image: what changes it, and what does not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.own_images import OWN_IMAGES
from scripts.ops.build import context
from scripts.ops.build.context import Inputs

IMAGE = replace(OWN_IMAGES[0], sources=("app",))


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Give an image of one source file, in a repository of its own."""
    for name in ("images", "app/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "images" / IMAGE.dockerfile).write_text("FROM scratch\n")
    (tmp_path / "app" / "deep" / "one.py").write_text("1\n")
    monkeypatch.setattr(context, "ROOT", tmp_path)
    monkeypatch.setattr(context, "FOLDER", tmp_path / "images")
    return Inputs(image=IMAGE, base_key="b", requirements="r", epoch=1, builder="v")


def test_every_fact_counts(inputs: Inputs) -> None:
    others = [
        replace(inputs, base_key="c"),
        replace(inputs, requirements="s"),
        replace(inputs, epoch=2),
        replace(inputs, builder="w"),
        replace(inputs, image=replace(IMAGE, arguments=(("APP", "other"),))),
    ]
    assert len({one.key for one in (inputs, *others)}) == 1 + len(others)


@pytest.mark.parametrize("file", ["images/app.Dockerfile", "app/deep/one.py", "app/two.py"])
def test_every_file_counts(inputs: Inputs, tmp_path: Path, file: str) -> None:
    before = inputs.key
    (tmp_path / file).write_text("2\n")
    assert inputs.key != before


def test_times_modes_and_caches_do_not_count(inputs: Inputs, tmp_path: Path) -> None:
    before = inputs.key
    source = tmp_path / "app" / "deep" / "one.py"
    source.chmod(0o600)
    os.utime(source, (1, 1))
    (tmp_path / "app" / "__pycache__").mkdir()
    (tmp_path / "app" / "__pycache__" / "one.pyc").write_text("x")
    assert inputs.key == before


def test_the_context_is_the_same_under_every_umask(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "app" / "deep" / "one.py").chmod(0o700)
    inputs.lay_out(tmp_path / "context")
    found = {
        str(one.relative_to(tmp_path / "context")): one.stat().st_mode & 0o777 for one in tmp_path.rglob("context/**/*")
    }
    assert found == {
        "Dockerfile": 0o644,
        "sources": 0o755,
        "sources/app": 0o755,
        "sources/app/deep": 0o755,
        "sources/app/deep/one.py": 0o644,
    }


def test_a_source_that_is_gone_is_named(inputs: Inputs) -> None:
    gone = replace(inputs, image=replace(IMAGE, sources=("app", "gone")))
    with pytest.raises(ConfigError, match=r"gone: is not there — fix its row in nomad_jobs/own_images\.py"):
        assert gone.key
