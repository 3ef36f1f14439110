"""The team's own container registry: its host, and the login with which nodes fetch its images."""

from dataclasses import dataclass

from nomad_jobs.model import Container, Origin, Secret, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A container registry. No job knows its login: each node's Docker does."""

    host: str
    """The beginning of its images' names, with the port where there is one."""
    login: Secret

    def login_path(self, namespace: str) -> str:
        """Path of the login below Vault's KV mount."""
        return f"{namespace}/{self.login.owner}/{self.login.name}"


REGISTRY = Registry(
    host="registry.example.com:5050",
    login=Secret(name="login", fields=("username", "password"), owner="registry", origin=Origin.OPERATOR),
)


APPS_USER = User(uid=10001, gid=10001)
"""Whom our own apps run as. Their images name the same user."""


def app_container(name: str, argv: tuple[str, ...], tag: str = "0.1.0") -> Container:
    """Run one of our own apps, which writes nowhere and needs no privilege."""
    return Container(image=apps_image(name, tag), argv=argv, user=APPS_USER)


def place_of(image: str, registry: str) -> str:
    """Name the same image in another `registry`; an image that is not in the team's own stays where it is."""
    ours = f"{REGISTRY.host}/"
    return f"{registry}/{image.removeprefix(ours)}" if image.startswith(ours) else image


def apps_image(name: str, tag: str = "0.1.0") -> str:
    """Name the image of one of our own apps, by tag."""
    return f"{REGISTRY.host}/backend/{name}/main:{tag}"
