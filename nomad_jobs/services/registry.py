"""The team's own container registry: where its images are, and the credentials that fetch them."""

from nomad_jobs.model import Origin, RegistryLogin, Secret

_HOST = "registry.example.com:5050"
_CREDENTIALS = Secret(name="login", fields=("username", "password"), owner="registry", origin=Origin.OPERATOR)

LOGIN = RegistryLogin(username=_CREDENTIALS["username"], password=_CREDENTIALS["password"])


def apps_image(name: str, tag: str = "0.1.0") -> str:
    """Name the image of one of our own apps, by tag."""
    return f"{_HOST}/backend/{name}/main:{tag}"
