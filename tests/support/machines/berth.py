"""What `berth` knows of the stack `live`, and how it asks its Vault."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

from nomad_jobs.logins import Logins
from nomad_jobs.platform import Platform
from scripts.ops.clients.api import Api
from tests.support.machines.account import LABEL
from tests.support.machines.cloud import Cloud
from tests.support.platforms import CLOUD


def record(site: Cloud, logins: Logins) -> Platform:
    """Give the Platform record, with these logins."""
    server = f"https://{site.machines['server-0'].address}:8200"
    own = {"stack": LABEL.stack, "vault_url": server, "ca_file": site.ca_file, "logins": logins}
    return CLOUD.model_copy(update=own)


@contextmanager
def as_holder(site: Cloud, holder: str) -> Iterator[Api]:
    """Ask Vault as `berth` does, logged in by IAM role."""
    asked = site.vault(site.machines["server-0"].address, holder)
    with closing(Api("Vault", asked.url, headers=asked._headers, ca_file=site.ca_file)) as made:
        yield made


def recovery_keys(site: Cloud) -> list[str]:
    """Give as many recovery keys as Vault asks for."""
    name = f"{site.account.context.parameters}/recovery/vault-init-server-0"
    kept = site.account.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return list(map(str, json.loads(kept)[:3]))
