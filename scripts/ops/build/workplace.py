"""Where images and their bases are made: by root, one `berth` at a time, in a folder that is gone afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nomad_jobs.errors import ConfigError
from scripts.ops.build import builder, store
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, system_packages
from scripts.ops.toolchain.turns import turn


def prepare(progress: Progress) -> None:
    """Refuse a user who cannot build.

    Raises:
        ConfigError: mmdebstrap and buildah make files of other users, so they need root.

    """
    if os.geteuid() != 0:
        fix = "run `sudo -E .venv/bin/berth images build`; `push`, `check` and `pin` need no root"
        raise ConfigError("images", "building them needs root, which owns the files inside", fix)
    system_packages.ensure(system_packages.FOR_IMAGES, progress)


@contextmanager
def opened(progress: Progress) -> Iterator[Path]:
    """Give a folder to work in, which is gone afterwards; one `berth` at a time builds images."""
    with turn("images", progress), cache.writing("images"):
        builder.sweep(store.root())
        store.sweep()
        with builder.workshop(store.root()) as workshop:
            yield workshop.folder
