"""Builds our images: gathers the inputs of each, skips what was built from the same ones, and builds the rest."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.errors import ConfigError
from nomad_jobs.own_images import Base, OwnImage
from scripts.ops.build import base_image, bases, debian_lock, steps, store, wheels, workplace
from scripts.ops.build.builder import Workshop
from scripts.ops.build.context import FOLDER, Inputs
from scripts.ops.build.debian_lock import DebianLock
from scripts.ops.build.inside import look_inside
from scripts.ops.build.layout import Layout
from scripts.ops.build.store import Record
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, system_packages

LOCK = FOLDER / "debian.lock"
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """One image, and what became of it."""

    image: OwnImage
    key: str
    record: Record
    is_new: bool = False

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return store.home(self.image.name, self.key)

    @property
    def layout(self) -> Layout:
        """Its bytes."""
        return store.layout_in(self.folder)


def build(images: Sequence[OwnImage], progress: Progress, lock: Path = LOCK) -> list[Built]:
    """Build those of `images` whose inputs changed since they were built here.

    Raises:
        BerthError: a step failed. What was complete before it stays; of what was not, nothing does.

    """
    debian = debian_lock.read(lock)
    built = [_found(inputs) or _build(inputs, debian, progress) for inputs in _inputs(images, debian, progress)]
    for one in built:
        if not one.is_new:
            progress.note(f"= {one.image.name:<22} unchanged: {one.record.digest}")
    return built


def built_before(images: Sequence[OwnImage], progress: Progress, lock: Path = LOCK) -> list[Built]:
    """Give what `build` made of the sources as they are now.

    Raises:
        ConfigError: an image was not built from them.

    """
    found: list[Built] = []
    for inputs in _inputs(images, debian_lock.read(lock), progress):
        name = inputs.image.name
        one = _found(inputs)
        if one is None:
            raise ConfigError(f"image {name}", "is not built from these sources", f"run `berth images build {name}`")
        found.append(one)
    return found


def look_up_debian(images: Sequence[OwnImage], progress: Progress, lock: Path = LOCK) -> DebianLock:
    """Write to `lock` which versions Debian's archive has today for the bases of `images`; others stay."""
    workplace.prepare(progress)
    before = debian_lock.read(lock).versions if lock.exists() else {}
    today = dt.datetime.now(dt.UTC).date()
    epoch = DebianLock(day=today).epoch
    found = {}
    with workplace.opened(progress) as folder:
        for base in _bases(images):
            with progress.step(f"base {base.name}", "asking Debian's archive"), cache.writing(f"base {base.name}"):
                archive = folder / f"{base.name}.tar"
                bases.make(base, epoch, archive)
                found[base.name] = bases.installed(archive)
                archive.unlink()
    after = DebianLock(day=today, versions={**before, **found})
    debian_lock.write(lock, after)
    return after


def _inputs(images: Sequence[OwnImage], debian: DebianLock, progress: Progress) -> Iterator[Inputs]:
    system_packages.ensure(system_packages.FOR_IMAGES, progress)
    version = steps.run("buildah", ["buildah", "--version"]).strip()
    for image in images:
        yield Inputs(
            image=image,
            base_key=_base_key(image.base, debian),
            requirements=wheels.requirements(image.groups, has_berth=image.has_berth),
            epoch=debian.epoch,
            builder=version,
        )


def _base_key(base: Base, debian: DebianLock) -> str:
    if base.image:
        return base_image.key(base.name, base.image)
    return bases.key(base, debian.of(base.name).items(), debian.epoch)


def _found(inputs: Inputs) -> Built | None:
    record = store.find(inputs.image.name, inputs.key)
    return Built(image=inputs.image, key=inputs.key, record=record) if record else None


def _build(inputs: Inputs, debian: DebianLock, progress: Progress) -> Built:
    image = inputs.image
    workplace.prepare(progress)
    with (
        workplace.opened(progress) as folder,
        cache.writing(f"image {image.name}"),
        progress.step(image.name, "building") as step,
        store.staged(image.name, inputs.key) as staged,
    ):
        workshop = Workshop(folder)
        step.says(f"base {image.base.name}")
        base = _base(image.base, inputs.base_key, debian, workshop)
        step.says("wheels and sources")
        context = folder / image.name
        inputs.lay_out(context)
        if inputs.requirements:
            wheels.fetch(f"image {image.name}", inputs.requirements, context / "wheels")
        step.says("Dockerfile")
        workshop.image(image, base, context, inputs.epoch, store.layout_in(staged).folder)
        step.says("looking inside")
        record = _record(image, inputs, staged)
        step.says(f"{record.unpacked_mb:.0f} MB, {record.digest}")
    return Built(image=image, key=inputs.key, record=record, is_new=True)


def _record(image: OwnImage, inputs: Inputs, staged: Path) -> Record:
    """Measure a new image, list what is inside, and write both beside it."""
    from scripts.ops.build import sbom  # noqa: PLC0415 - its library takes 0.2 s to load, which `berth --help` need not

    layout = store.layout_in(staged)
    inside = look_inside(layout)
    base = store.find(f"base-{image.base.name}", inputs.base_key)
    below_mb = base.unpacked_mb if base else 0.0
    unpacked_mb = inside.unpacked_bytes / _MEGABYTE
    record = Record(
        digest=layout.digest,
        unpacked_mb=unpacked_mb,
        packed_mb=layout.packed_bytes / _MEGABYTE,
        adds_mb=unpacked_mb - below_mb,
    )
    sbom.write(store.sbom_in(staged), image.name, layout.digest, inputs.epoch, inside.packages)
    store.write_record(staged, record)
    return record


def _base(base: Base, key: str, debian: DebianLock, workshop: Workshop) -> Path:
    """Give the folder of the base's image; make or fetch it where it is not there."""
    name = f"base-{base.name}"
    if store.find(name, key) is None:
        with store.staged(name, key) as staged:
            layout = store.layout_in(staged)
            if base.image:
                base_image.fetch(base, base.image, layout)
            else:
                _make(base, debian, workshop, layout)
            unpacked_mb = look_inside(layout).unpacked_bytes / _MEGABYTE
            packed_mb = layout.packed_bytes / _MEGABYTE
            record = Record(digest=layout.digest, unpacked_mb=unpacked_mb, packed_mb=packed_mb, adds_mb=unpacked_mb)
            store.write_record(staged, record)
    return store.layout_in(store.home(name, key)).folder


def _make(base: Base, debian: DebianLock, workshop: Workshop, layout: Layout) -> None:
    archive = workshop.folder / f"{base.name}.tar"
    bases.make(base, debian.epoch, archive)
    debian_lock.refuse_others(base.name, debian.of(base.name), bases.installed(archive))
    workshop.base(f"base {base.name}: image", archive, debian.epoch, layout.folder)
    archive.unlink()


def _bases(images: Sequence[OwnImage]) -> list[Base]:
    """Give the bases that are made of packages, each once."""
    return list(dict.fromkeys(image.base for image in images if not image.base.image))
