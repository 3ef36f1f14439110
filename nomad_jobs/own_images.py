"""The images that Berth builds itself: what is in each, and how large it may become."""

from collections.abc import Sequence
from dataclasses import dataclass

from nomad_jobs.errors import ConfigError
from nomad_jobs.images import ImageByDigest
from nomad_jobs.model import Service
from nomad_jobs.registry import REGISTRY, apps_image

_SHARED = (
    "nomad_jobs/__init__.py",
    "nomad_jobs/errors.py",
    "nomad_jobs/apps/__init__.py",
    "nomad_jobs/apps/serving",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What is below an image: Debian's packages, or somebody's image of Debian 12 by its digest.

    `images/debian.lock` holds the version of each package, and of all they need. An image is taken as it is: nothing is
    installed into it, so it has what the Dockerfile runs, which for the apps is Python 3.11.

    Raises:
        ConfigError: it names both, or neither.

    """

    name: str
    packages: tuple[str, ...] = ()
    image: ImageByDigest | None = None

    def __post_init__(self) -> None:
        if bool(self.packages) == bool(self.image):
            fix = "name the packages, or the image as ImageByDigest.parse('debian:12-slim@sha256:…')"
            raise ConfigError(f"base {self.name}", "needs either packages or an image", fix)


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnImage:
    """One image: a Dockerfile of `images/` over a base."""

    name: str
    base: Base
    dockerfile: str
    budget_mb: int
    """How large all its files may become, unpacked."""
    adds_mb: int
    """How much of that it may add to its base."""
    sources: tuple[str, ...] = ()
    """Files and folders of the repository that the Dockerfile may copy."""
    groups: tuple[str, ...] = ()
    """The dependency groups of `pyproject.toml` whose wheels are installed, as `uv.lock` pins them."""
    has_berth: bool = False
    """Whether the wheels that `berth` itself needs are installed too."""
    arguments: tuple[tuple[str, str], ...] = ()
    """The Dockerfile's own build arguments."""

    @property
    def reference(self) -> str:
        """Its name in the registry, by tag."""
        return apps_image(self.name)


PYTHON = Base(name="python", packages=("python3",))
NGINX = Base(name="nginx", packages=("nginx", "libnginx-mod-http-lua", "lua-resty-core"))
PIPELINE = Base(name="pipeline", packages=("python3", "git", "make", "ca-certificates"))


def _app(name: str, module: str, *more: str) -> OwnImage:
    return OwnImage(
        name=name,
        base=PYTHON,
        dockerfile="app.Dockerfile",
        budget_mb=110,
        adds_mb=25,
        sources=(*_SHARED, *more, f"nomad_jobs/apps/{module}"),
        groups=(f"image-{name}",),
        arguments=(("APP", module),),
    )


OWN_IMAGES = (
    _app("chat", "chat", "nomad_jobs/limits.py"),
    _app("bot-detector", "bot_detector"),
    _app("fw-parse", "fw_parse"),
    _app("engine-simulator", "engine"),
    OwnImage(name="ingress", base=NGINX, dockerfile="ingress.Dockerfile", budget_mb=80, adds_mb=1),
    OwnImage(
        name="berth-ci",
        base=PIPELINE,
        dockerfile="ci.Dockerfile",
        budget_mb=850,
        adds_mb=680,
        groups=("infra", "dev"),
        has_berth=True,
    ),
)
"""Those of the catalogue, and two that no service runs from: the engine simulator, and what pipelines run in."""


def own_image_of(service: Service) -> OwnImage | None:
    """Give the image of ours that `service` runs from; None where somebody else builds it."""
    return next((image for image in OWN_IMAGES if image.reference == service.container.image), None)


def without_recipe(services: Sequence[Service]) -> list[str]:
    """Name the services whose image is in our registry although nothing here builds it."""
    ours = [service for service in services if service.container.image.startswith(f"{REGISTRY.host}/")]
    return [service.name for service in ours if own_image_of(service) is None]
