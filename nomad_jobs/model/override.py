"""What differs on one stack from what a service's file says for production."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from nomad_jobs.model.file import Env
from nomad_jobs.model.network import Route
from nomad_jobs.model.runtime import Container
from nomad_jobs.model.size import Gpus, Size


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """The values that `stack` has instead of the service's own; what it does not name stays."""

    stack: str
    """`local`, or one that has a `Pulumi.<stack>.yaml`."""
    absent: bool = False
    """Whether the service does not run there at all."""
    instances: int | None = None
    cpu_mhz: int | None = None
    memory_mb: int | None = None
    gpus: Gpus | None = None
    """`Gpus(count=0)`: none."""
    starts_within_s: int | None = None
    container: Container | None = None
    """Instead of the service's own: another program that answers in its place."""
    tag: str = ""
    """Of the image of the service's own container."""
    env: tuple[Env, ...] = ()
    """Variables that are added, or that replace the one of the same name."""
    host: str = ""
    """Of the route."""

    @property
    def named(self) -> tuple[str, ...]:
        """The fields that it changes."""
        return tuple(one.name for one in fields(self) if one.name != "stack" and getattr(self, one.name) != one.default)

    def faults(self) -> Iterator[str]:
        """Yield the faults that show without its service, one line each."""
        if self.absent and len(self.named) > 1:
            others = ", ".join(name for name in self.named if name != "absent")
            yield f"is absent, so that {others} can have no effect"
        if self.container and self.tag:
            yield "has a container, whose image has a tag, and a tag"

    def size_for(self, usual: Size) -> Size:
        """Give the size there."""
        numbers = {
            name: value
            for name in ("instances", "cpu_mhz", "memory_mb", "starts_within_s")
            if (value := getattr(self, name)) is not None
        }
        gpus = usual.gpus if self.gpus is None else self.gpus
        return replace(usual, **numbers, gpus=gpus if gpus and gpus.count else None)

    def container_for(self, usual: Container) -> Container:
        """Give the container there."""
        if self.container:
            return self.container
        name, _, tag = usual.image.rpartition(":")
        return replace(usual, image=f"{name}:{self.tag or tag}")

    def env_for(self, usual: tuple[Env, ...]) -> tuple[Env, ...]:
        """Give the variables there: replaced ones in their places, new ones at the end."""
        changed = {env.name: env for env in (*usual, *self.env)}
        return tuple(changed.values())

    def route_for(self, usual: Route | None) -> Route | None:
        """Give the route there."""
        return replace(usual, host=self.host) if usual and self.host else usual
