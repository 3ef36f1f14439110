"""A catalogue of services that differ by their images."""

from dataclasses import replace

import pytest

from nomad_jobs import catalog
from nomad_jobs.model import Service


def serve(monkeypatch: pytest.MonkeyPatch, **image_of: str) -> None:
    """Make a catalogue of services that differ by name and image."""
    any_of_them: Service = catalog.SERVICES[0]
    services = [
        replace(any_of_them, name=name, overrides=(), container=replace(any_of_them.container, image=image))
        for name, image in image_of.items()
    ]
    monkeypatch.setattr(catalog, "SERVICES", tuple(services))
