"""Takes the base below an image from a registry by its digest; the same digest is the same bytes."""

import time

from nomad_jobs.errors import ConfigError
from nomad_jobs.images import ImageByDigest
from nomad_jobs.own_images import Base
from scripts.ops.build import skopeo
from scripts.ops.build.bases import STATUS
from scripts.ops.build.context import key_of
from scripts.ops.build.layout import Layout
from scripts.ops.docker_login import login_for
from scripts.ops.registry import Lookup

_FORM = 1
_DEADLINE_S = 60
_RELEASE = ("usr/lib/os-release", "etc/os-release")
_DEBIAN_12 = {"ID": "debian", "VERSION_ID": "12"}
_ANOTHER = "name another digest in nomad_jobs/own_images.py, or packages: Debian's archive needs no registry"


def key(name: str, image: ImageByDigest) -> str:
    """Name a base by what decides its bytes."""
    return key_of({"form": _FORM, "name": name, "digest": image.digest})


def fetch(base: Base, image: ImageByDigest, layout: Layout) -> None:
    """Copy `image` to the folder of `layout`.

    Raises:
        AuthError: the registry wants a login, or refuses the one it got.
        ConfigError: the digest is gone, or is no Debian 12 for our nodes.
        BerthError: the registry cannot be reached, or serves other bytes.

    """
    where = f"base {base.name}: image {image.reference}"
    with Lookup(image.reference, ends_at=time.monotonic() + _DEADLINE_S, logins=login_for, where=where) as lookup:
        if not lookup.serves(image.digest):
            raise ConfigError(where, f"{image.ref.host} has no {image.digest}", _ANOTHER)
    with skopeo.access(image.ref, "src") as options:
        skopeo.copy(where, f"docker://{image.source}", f"oci:{layout.folder}:base", *options)
    _refuse_unfit(where, layout)


def _refuse_unfit(where: str, layout: Layout) -> None:
    """Refuse what our nodes cannot run, and what nobody could list or hold against Debian's advisories."""
    platform = f"{layout.config.get('os')}/{layout.config.get('architecture')}"
    if platform != "linux/amd64":
        raise ConfigError(where, f"is for {platform}, and our nodes are linux/amd64", _ANOTHER)
    if any(layer["mediaType"].endswith("zstd") for layer in layout.manifest["layers"]):
        raise ConfigError(where, "has layers packed with zstd, which cannot be looked into", _ANOTHER)
    told = {
        file.path: file.data.decode(errors="replace") for file in layout.files() if file.path in (*_RELEASE, STATUS)
    }
    release = next((told[path] for path in _RELEASE if told.get(path)), "")
    facts = dict(line.replace('"', "").split("=", 1) for line in release.splitlines() if "=" in line)
    if not _DEBIAN_12.items() <= facts.items():
        raise ConfigError(where, f"is {facts.get('PRETTY_NAME', 'no Debian')}, and not Debian 12", _ANOTHER)
    if not told.get(STATUS):
        raise ConfigError(where, f"has no /{STATUS}, so that nobody can say what is in it", _ANOTHER)
