"""Says of a built image what it may not be: too large, run by root, with a secret, a licence or a hole inside."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nomad_jobs.errors import BerthError, Exit, raise_all
from nomad_jobs.own_images import OwnImage
from scripts.ops.build import advisories, licences
from scripts.ops.build.advisories import Extract, Hit
from scripts.ops.build.context import FOLDER
from scripts.ops.build.inside import Inside, look_inside
from scripts.ops.build.layout import Layout
from scripts.ops.build.licences import AllowList
from scripts.ops.build.packages import Kind, Package
from scripts.ops.build.run import Built
from scripts.ops.build.store import Record

_LEFT_BEHIND = (
    "usr/bin/gcc",
    "usr/bin/cc",
    "usr/bin/x86_64-linux-gnu-gcc-12",
    "usr/bin/apt-get",
    "usr/bin/pip3",
    "var/lib/apt",
    "var/cache/apt",
    "root/.cache",
    "wheels",
)
"""Compilers, package managers and caches: nothing that runs needs them, and an intruder would."""


class ImageFaultError(BerthError):
    """An image holds what no image may hold."""

    code = Exit.POLICY


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What images are held against."""

    licences: AllowList
    advisories: Extract
    public: frozenset[str]
    """Files that look like secrets, and are published with the package that they belong to."""


def rules() -> Rules:
    """Read them from the repository.

    Raises:
        ConfigError: one of the files cannot be read.

    """
    allowed = licences.read(FOLDER / "licences.toml")
    listed = (FOLDER / "public-keys.txt").read_text(encoding="utf-8").splitlines()
    public = frozenset(line for line in listed if line.startswith("/"))
    return Rules(licences=allowed, advisories=advisories.read(FOLDER / "advisories.json"), public=public)


def check(built: Iterable[Built], rules: Rules) -> list[str]:
    """Look into each image; give a line for each.

    Raises:
        ImageFaultError: (or ManyErrors) what is wrong with them, all at once.

    """
    lines: list[str] = []
    errors: list[BerthError] = []
    for one in built:
        inside = look_inside(one.layout)
        errors.extend(faults(one.image, one.record, one.layout, inside, rules))
        size = f"{one.record.unpacked_mb:.0f} of {one.image.budget_mb} MB"
        waiting = {hit.advisory.id for package, hit in _holes(inside, rules) if _is_waiting(package, hit)}
        more = f", {len(waiting)} known holes without a fix in Debian" if waiting else ""
        lines.append(f"{one.image.name} {size}, {len(inside.packages)} packages{more}, {one.record.digest}")
    raise_all(errors)
    return lines


def faults(image: OwnImage, record: Record, layout: Layout, inside: Inside, rules: Rules) -> Iterator[BerthError]:
    """Yield what is wrong with one image."""
    where = f"image {image.name}"
    for what in _sizes(image, record):
        yield ImageFaultError(where, what, "make it smaller, or say in nomad_jobs/own_images.py why it may be larger")
    if not _is_unprivileged(str(layout.config.get("config", {}).get("User", ""))):
        yield ImageFaultError(where, "does not name a user by number", "write USER 10001:10001 into its Dockerfile")
    for path in _LEFT_BEHIND:
        if path in inside.paths or any(one.startswith(f"{path}/") for one in inside.paths):
            yield ImageFaultError(
                where, f"still has /{path}", "make it in a stage of its own, and copy only the result"
            )
    for one in inside.suspicions:
        if one.path not in rules.public:
            yield ImageFaultError(
                where, str(one), "take it out, change the secret, and build again: a layer forgets nothing"
            )
    for what in rules.licences.faults(inside.packages):
        yield ImageFaultError(where, what, "allow it in images/licences.toml, or leave the package out")
    for package, hit in _holes(inside, rules):
        if not _is_waiting(package, hit):
            end = f", fixed in {hit.fixed}" if hit.fixed else ""
            summary = f": {hit.advisory.summary}" if hit.advisory.summary else ""
            what = f"{package.name} {package.version} has {hit.advisory.id}{end}{summary}"
            yield ImageFaultError(where, what, "take a newer version: `uv lock -P NAME`, or `berth images lock`")


def _holes(inside: Inside, rules: Rules) -> Iterator[tuple[Package, Hit]]:
    for package in inside.packages:
        for hit in rules.advisories.about(package):
            yield package, hit


def _is_waiting(package: Package, hit: Hit) -> bool:
    """Tell whether only Debian could do something about it: a wheel can be left out, the C library cannot."""
    return package.kind is Kind.DEBIAN and not hit.fixed


def _sizes(image: OwnImage, record: Record) -> Iterator[str]:
    if record.unpacked_mb > image.budget_mb:
        yield f"has {record.unpacked_mb:.0f} MB, and its budget is {image.budget_mb}"
    if record.adds_mb > image.adds_mb:
        yield f"adds {record.adds_mb:.0f} MB to its base, and may add {image.adds_mb}"


def _is_unprivileged(user: str) -> bool:
    """Tell whether Docker need not look into the image to know that the user is not root."""
    return re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user) is not None
