"""The engines of Vault that services ask for credentials and encryption, before any service has a role there."""

from __future__ import annotations

from collections.abc import Iterator

from infra.holdings import vault
from infra.holdings.entry import Entry
from nomad_jobs.mounts import AWS_MOUNT, DATABASE_MOUNT, TRANSIT_MOUNT


def mounts() -> Iterator[Entry]:
    """Describe each of them."""
    for name in (DATABASE_MOUNT, AWS_MOUNT, TRANSIT_MOUNT):
        yield vault.engine(name)


def cloud_aws(region: str) -> Entry:
    """Describe how Vault reaches AWS on a server: as the server's own role, in its own region."""
    body = {"region": region, "sts_endpoint": f"https://sts.{region}.amazonaws.com", "sts_region": region}
    return vault.setting(f"{AWS_MOUNT}/config/root", body)


def laptop_aws(url: str, region: str) -> Entry:
    """Describe how Vault reaches what stands in for AWS at `url`; its keys open nothing."""
    where = {"region": region, "sts_endpoint": url, "sts_region": region, "iam_endpoint": url}
    return vault.setting(f"{AWS_MOUNT}/config/root", {**where, "access_key": "laptop", "secret_key": "laptop"}, where)
