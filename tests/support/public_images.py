"""Images that somebody else built: real programs of Debian's, each packed as its publisher packs it.

No public registry can be reached here, so a registry in the tests' own namespace serves them under the publishers' own
names: Docker asks it first, as it would ask a company's mirror of Docker Hub.
"""

from collections.abc import Sequence

from nomad_jobs.errors import BerthError
from nomad_jobs.images import Pins
from nomad_jobs.own_images import Base, OwnImage
from scripts.ops.build import hand_over, run
from scripts.ops.build.context import ROOT
from scripts.ops.build.debian_lock import MovedOnError
from scripts.ops.build.run import Built
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache

_FOLDER = "tests/support/public"
_WEB = Base(
    name="public-web",
    packages=(
        "nginx-light",
        "caddy",
        "prometheus-pushgateway",
        "redis-server",
        "python3-flask",
        "gunicorn",
        "gosu",
        "libcap2-bin",
    ),
)
_BASES = {
    "prometheus": Base(name="public-prometheus", packages=("prometheus",)),
    "postgres": Base(name="public-postgres", packages=("postgresql-15", "gosu")),
}
"""Of those that are large; the others share one."""
_PUBLISHED = {
    "nginx:1.22.1": "nginx",
    "nginx:1.22.2": "nginx",
    "prom/prometheus:v2.42.0": "prometheus",
    "prom/pushgateway:v1.5.1": "pushgateway",
    "example/shop:1": "shop",
    "caddy:2.6.2": "caddy",
    "redis:7.0.15": "redis",
    "postgres:15": "postgres",
}
"""Their names on Docker Hub, and the Dockerfile of each."""


def build() -> dict[str, Built]:
    """Build them, or find them built, by the names that a service gives them.

    They come from what Debian's archive had when this machine built them first: no test needs the newest.
    """
    images = {reference: _image(reference, recipe) for reference, recipe in _PUBLISHED.items()}
    return dict(zip(images, _built(list(images.values())), strict=True))


def publish(built: dict[str, Built], hub: str) -> Pins:
    """Push them to the registry at `hub`; give the pins that `berth images pin` would write."""
    for reference, one in built.items():
        name = reference if "/" in reference else f"library/{reference}"
        hand_over.push(one.layout, f"{hub}/{name}", logins=lambda _: None)
    return Pins({reference: one.record.digest for reference, one in built.items()})


def _image(reference: str, recipe: str) -> OwnImage:
    name, _, version = reference.rpartition(":")
    return OwnImage(
        name=f"public-{name.replace('/', '-')}-{version}",
        base=_BASES.get(recipe, _WEB),
        dockerfile=f"../{_FOLDER}/{recipe}.Dockerfile",
        budget_mb=1000,
        adds_mb=100,
        sources=(f"{_FOLDER}/{recipe}",) if (ROOT / _FOLDER / recipe).is_dir() else (),
        arguments=(("VERSION", version),) if recipe == "nginx" else (),
    )


def _built(images: Sequence[OwnImage]) -> list[Built]:
    lock = cache.root() / "public-images.lock"
    progress = Progress()
    if lock.exists():
        try:
            return run.built_before(images, progress, lock)
        except BerthError:
            pass  # a recipe has changed, or this machine never built it
        try:
            return run.build(images, progress, lock)
        except MovedOnError:
            pass
    run.look_up_debian(images, progress, lock)
    return run.build(images, progress, lock)
