"""Fixtures of the verbs."""

from pathlib import Path

import pytest

from scripts.ops import images


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a lock and a Docker configuration of its own, both empty."""
    monkeypatch.setattr(images, "LOCK", tmp_path / "images.lock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "images.lock"
