"""Types of image manifests, and which of an index's our nodes take (OCI image specification 1.1)."""

from pydantic import BaseModel, Field

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
TYPES = (
    *INDEX_TYPES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class _Platform(BaseModel):
    os: str = ""
    architecture: str = ""


class _Entry(BaseModel):
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    platform: _Platform = _Platform()


class _Index(BaseModel):
    manifests: list[_Entry]


def for_nodes(index: bytes) -> list[str]:
    """Give the digests of an index's manifests for linux/amd64.

    Raises:
        ValidationError: it is no index.

    """
    nodes = _Platform(os="linux", architecture="amd64")
    return [one.digest for one in _Index.model_validate_json(index).manifests if one.platform == nodes]
