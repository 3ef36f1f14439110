"""Makes the Debian below an image with `mmdebstrap`: the same packages and time give the same archive of files."""

import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

from debian.deb822 import Deb822

from nomad_jobs.errors import BerthError
from nomad_jobs.own_images import Base
from scripts.ops.build import steps
from scripts.ops.build.context import key_of

STATUS = "var/lib/dpkg/status"
_FORM = 1
_SUITE = "bookworm"
_MIRROR = "http://deb.debian.org"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Makes /bin a link from the beginning; the package `usrmerge` would do it afterwards, and brings all of Perl."""
_DPKG = (
    "force-unsafe-io",  # an image that is half written after a power cut is thrown away anyway
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/bash-completion/*",
    "path-exclude=/usr/share/perl5/*/Docs/*",
)
_TIDY = r"""
cd "$1"
find . -xdev -name __pycache__ -prune -exec rm -rf {} +
rm -f etc/dpkg/dpkg.cfg.d/99mmdebstrap
find etc/apt -type f ! -name 00mmdebstrap -delete
rm -rf etc/resolv.conf etc/hostname etc/machine-id var/lib/dbus/machine-id
rm -rf var/lib/apt var/cache/apt var/cache/debconf var/cache/ldconfig/* var/log/* var/lib/dpkg/*-old run/* tmp/*
find usr/share/doc -mindepth 1 -type d -empty -delete
"""
"""Removes what packages leave behind: caches, logs, and what says which machine built it."""


def key(base: Base, versions: Iterable[tuple[str, str]], epoch: int) -> str:
    """Name a base by what decides its bytes."""
    facts = {"form": _FORM, "packages": base.packages, "versions": sorted(versions), "epoch": epoch}
    return key_of(facts | {"tidy": _TIDY, "dpkg": _DPKG, "suite": _SUITE})


def make(base: Base, epoch: int, archive: Path, keeps: Iterable[str] = ()) -> None:
    """Write the root file system of `base` as a tar; `keeps` are files that an image would be without.

    Raises:
        BerthError: a package or Debian's archive cannot be had, or the disk is full.

    """
    kept = (f"path-include={path}" for path in keeps)
    options = [f"--dpkgopt={option}" for option in (*_DPKG, *kept)]
    argv = ["mmdebstrap", "--mode=root", "--variant=essential", "--architectures=amd64", *options]
    argv += [
        f"--hook-dir={_MERGED_USR}",
        f"--keyring={_KEYRING}",
        f"--include={','.join(base.packages)}",
        f"--customize-hook={_TIDY}",
    ]
    env = {"SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8", "TMPDIR": str(archive.parent)}
    steps.run(f"base {base.name}: Debian's packages", [*argv, _SUITE, archive, *_sources()], env=env)


def installed(archive: Path) -> dict[str, str]:
    """Read from a root file system's tar which packages are installed, by version."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.removeprefix("./") == STATUS and (file := tar.extractfile(member)):
                return versions(file.read().decode())
    raise BerthError(str(archive), f"has no {STATUS}", "mmdebstrap made no Debian")


def versions(status: str) -> dict[str, str]:
    """Read dpkg's status: package -> version of what is installed."""
    paragraphs = Deb822.iter_paragraphs(status.splitlines())
    return {one["Package"]: one["Version"] for one in paragraphs if one.get("Status", "").endswith(" installed")}


def _sources() -> list[str]:
    mirror = os.environ.get("BERTH_DEBIAN_MIRROR", _MIRROR).rstrip("/")
    return [
        f"deb {mirror}/debian {_SUITE} main",
        f"deb {mirror}/debian {_SUITE}-updates main",
        f"deb {mirror}/debian-security {_SUITE}-security main",
    ]
