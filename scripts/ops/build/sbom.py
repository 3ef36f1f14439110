"""Writes what is inside an image in CycloneDX's JSON: the same image gives the same bytes."""

import datetime as dt
import uuid
from collections.abc import Iterable
from pathlib import Path

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

from scripts.ops.build.packages import Kind, Package


def write(path: Path, image: str, digest: str, epoch: int, packages: Iterable[Package]) -> None:
    """Write the list for `image`, whose manifest is `digest`."""
    made = dt.datetime.fromtimestamp(epoch, dt.UTC)
    about = Component(name=image, version=digest, type=ComponentType.CONTAINER, bom_ref=digest)
    components = [_component(package) for package in packages]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, digest),
        metadata=BomMetaData(component=about, timestamp=made),
        components=components,
    )
    bom.register_dependency(about, components)
    path.write_text(JsonV1Dot5(bom).output_as_string(indent=1) + "\n", encoding="utf-8")


def _component(package: Package) -> Component:
    purl = _purl(package)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=[DisjunctiveLicense(name=name) for name in package.licences],
    )


def _purl(package: Package) -> PackageURL:
    if package.kind is Kind.DEBIAN:
        where = {"arch": "amd64", "distro": "debian-12"}
        return PackageURL("deb", "debian", package.name, package.version, where)
    return PackageURL("pypi", None, package.name, package.version)
