"""Finds what is inside an image: Debian's packages and Python's, each with its version and its licences."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from enum import Enum

from debian.deb822 import Deb822

from scripts.ops.build.bases import STATUS
from scripts.ops.build.layout import LayerFile

_COPYRIGHT = re.compile(r"usr/share/doc/([^/]+)/copyright")
_DOCUMENTS = re.compile(r"usr/share/doc/([^/]+)")
_METADATA = re.compile(r".*\.dist-info/METADATA")
_BETWEEN = re.compile(r",|\||\s(?:and/or|and|or)\s", re.IGNORECASE)
_CLASSIFIER = "License :: OSI Approved :: "


class Kind(Enum):
    """Who packaged it."""

    DEBIAN = "deb"
    PYTHON = "pypi"


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One package inside an image."""

    kind: Kind
    name: str
    version: str
    source: str = ""
    """Debian's name of the source that it was built from."""
    source_version: str = ""
    """The source's version, which advisories speak of: `bsdutils` has another one of its own."""
    licences: tuple[str, ...] = ()
    """The names that its own files use; empty: no program can read them."""


def is_told(path: str) -> bool:
    """Tell whether the file at `path` says something about a package."""
    return path == STATUS or bool(_COPYRIGHT.fullmatch(path) or _METADATA.fullmatch(path))


def packages(files: Mapping[str, LayerFile]) -> list[Package]:
    """Read the packages from an image's files, sorted."""
    found = [*_debian(files), *_python(files)]
    return sorted(found, key=lambda one: (one.kind.value, one.name))


def _debian(files: Mapping[str, LayerFile]) -> Iterator[Package]:
    if STATUS not in files:
        return
    for one in Deb822.iter_paragraphs(files[STATUS].data.decode().splitlines()):
        if one.get("Status", "").endswith(" installed"):
            licences = tuple(_debian_licences(_copyright(one["Package"], files)))
            source, _, version = one.get("Source", one["Package"]).partition(" ")
            yield Package(
                kind=Kind.DEBIAN,
                name=one["Package"],
                version=one["Version"],
                source=source,
                source_version=version.strip("()") or one["Version"],
                licences=licences,
            )


def _copyright(package: str, files: Mapping[str, LayerFile]) -> str:
    """Give the text of a package's copyright file; its folder may be a link to that of a sister package."""
    folder = f"usr/share/doc/{package}"
    if folder in files:
        folder = f"usr/share/doc/{files[folder].target.rpartition('/')[2]}"
    file = files.get(f"{folder}/copyright")
    if file and file.target:
        file = files.get(f"usr/share/doc/{file.target.removeprefix('../')}")
    return file.data.decode(errors="replace") if file else ""


def _debian_licences(text: str) -> list[str]:
    """Read a copyright file of Debian's machine-readable form 1.0; empty where it has another form."""
    header, *paragraphs = list(Deb822.iter_paragraphs(text.splitlines())) or [Deb822()]
    if "copyright-format/1.0" not in header.get("Format", ""):
        return []
    synopses = [one["License"].strip().split("\n", 1)[0] for one in paragraphs if "Files" in one and "License" in one]
    return sorted(set(_names(synopses)))


def _names(synopses: Iterable[str]) -> Iterator[str]:
    """Take a synopsis such as `GPL-2+ or Artistic, and Expat` apart."""
    for synopsis in synopses:
        yield from (name.strip() for name in _BETWEEN.split(f"{synopsis} ") if name.strip())


def _python(files: Mapping[str, LayerFile]) -> Iterator[Package]:
    for path, file in files.items():
        if _METADATA.fullmatch(path):
            told = HeaderParser().parsestr(file.data.decode(errors="replace"))
            licences = tuple(_python_licences(told))
            yield Package(kind=Kind.PYTHON, name=told["Name"], version=told["Version"], licences=licences)


def _python_licences(told: Message) -> list[str]:
    """Read the licences of a wheel (core metadata 2.4): the expression, or else the classifiers, or else the field."""
    if expression := told.get("License-Expression"):
        return sorted(set(_names([expression.replace("(", "").replace(")", "")])))
    classifiers = [
        one.removeprefix(_CLASSIFIER) for one in told.get_all("Classifier", []) if one.startswith(_CLASSIFIER)
    ]
    field = told.get("License", "").strip()
    return sorted(classifiers) or ([field.splitlines()[0]] if field else [])
