"""Measures our own images: how large each is, and how long a rebuild takes that has nothing to do. Needs root."""

import tempfile
from pathlib import Path

from bench.rows import Row, seconds
from nomad_jobs.own_images import OWN_IMAGES
from tests.support.image_yard import Yard

_RUNS = 5


def measure() -> list[Row]:
    """Build all from nothing, once, and again with nothing changed."""
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        yard = Yard(Path(folder) / "cache", Path(folder) / "debian.lock")
        yard.look_up(*OWN_IMAGES)
        first_s = seconds(lambda: yard.build(*OWN_IMAGES))
        again = tuple(seconds(lambda: yard.build(*OWN_IMAGES)) for _ in range(_RUNS))
        built = yard.build(*OWN_IMAGES)
    sizes = [
        Row(
            what=f"`{one.image.name}`; {one.record.packed_mb:.0f} MB packed, {one.record.adds_mb:.0f} over its base",
            values=(one.record.unpacked_mb,),
            unit="MB",
            promise=f"{one.image.budget_mb} MB",
        )
        for one in built
    ]
    return [
        *sizes,
        Row(what=f"build all {len(built)} from nothing, Debian's packages fetched", values=(first_s,), unit="s"),
        Row(what="build them again, nothing changed", values=again, unit="s", promise="5 s"),
    ]
