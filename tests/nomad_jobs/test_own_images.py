"""The table of our own images: each has what it needs, and the catalogue's own images are all in it."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.errors import ConfigError
from nomad_jobs.images import ImageByDigest
from nomad_jobs.own_images import OWN_IMAGES, Base, OwnImage, own_image_of, without_recipe
from scripts.ops.build import debian_lock
from scripts.ops.build.run import LOCK

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "images"
APPS = [image for image in OWN_IMAGES if image.dockerfile == "app.Dockerfile"]
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
UNUSED = {"engine-simulator", "berth-ci"}
"""Images that no service of the catalogue runs from."""


def imports(image: OwnImage) -> Iterator[str]:
    """Name each module that the image's own files import."""
    files = [file for source in image.sources for file in ([ROOT / source] if source.endswith(".py") else [])]
    files += [file for source in image.sources for file in (ROOT / source).rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_every_image_of_ours_in_the_catalogue_can_be_built() -> None:
    assert without_recipe(SERVICES) == []
    used = {image.name for service in SERVICES if (image := own_image_of(service))}
    assert {image.name for image in OWN_IMAGES} - used == UNUSED


def test_the_front_door_of_aws_has_the_module_of_the_laptops() -> None:
    (ingress,) = (service for service in SERVICES if service.name == "ingress")
    image = own_image_of(ingress)
    assert image is not None
    assert "libnginx-mod-http-lua" in image.base.packages


@pytest.mark.parametrize("image", APPS, ids=lambda image: image.name)
def test_an_app_installs_exactly_what_it_imports(image: OwnImage) -> None:
    names = {module.partition(".")[0] for module in imports(image)}
    others = names - set(sys.stdlib_module_names) - {"nomad_jobs"}
    called = {"yaml": "pyyaml", "prometheus_client": "prometheus-client"}
    (group,) = image.groups
    assert sorted(called.get(name, name) for name in others) == sorted(GROUPS[group])


@pytest.mark.parametrize("image", APPS, ids=lambda image: image.name)
def test_an_app_brings_every_module_of_ours_that_it_imports(image: OwnImage) -> None:
    ours = {module.replace(".", "/") for module in imports(image) if module.startswith("nomad_jobs.")}
    inside = [source.removesuffix(".py") for source in image.sources]
    assert [name for name in ours if not any(name == one or name.startswith(f"{one}/") for one in inside)] == []


@pytest.mark.parametrize("file", sorted({image.dockerfile for image in OWN_IMAGES}))
def test_a_dockerfile_has_several_stages_no_network_and_a_user(file: str) -> None:
    lines = (IMAGES / file).read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) > 1
    assert {line.split()[1] for line in stages} == {"${BASE}"}
    assert "USER 10001:10001" in lines
    assert [line for line in lines if "http" in line.lower() or line.startswith("ADD")] == []


def test_the_lock_has_what_each_base_asks_for() -> None:
    lock = debian_lock.read(LOCK)
    assert set(lock.versions) == {image.base.name for image in OWN_IMAGES if image.base.packages}
    assert [
        (image.base.name, package)
        for image in OWN_IMAGES
        for package in image.base.packages
        if package not in lock.of(image.base.name)
    ] == []


def test_a_base_is_packages_or_an_image_by_digest() -> None:
    image = ImageByDigest.parse("debian:12-slim@sha256:" + "a" * 64)
    assert image.source == "docker.io/library/debian@sha256:" + "a" * 64
    for packages, other in (((), None), (("python3",), image)):
        with pytest.raises(ConfigError, match=r"base x: needs either packages or an image — name"):
            Base(name="x", packages=packages, image=other)


@pytest.mark.parametrize("text", ["debian:12-slim", "debian:12-slim@sha256:abc", "debian@sha256:" + "a" * 64])
def test_an_image_by_digest_has_a_tag_and_a_digest(text: str) -> None:
    with pytest.raises(ConfigError, match=r"has no tag|is no digest — write reference@digest"):
        ImageByDigest.parse(text)
