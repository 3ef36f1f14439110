"""What tests of `infra` share: pulumi_aws loaded before warnings become errors, and a Vault of their own."""

import warnings
from collections.abc import Iterator

import pytest
from pulumi_aws import ec2, s3

from infra.machine.servers import _vault_policies
from infra.machine.web import Api
from tests.support.dev_vault import dev_vault

# pulumi_aws warns of its own deprecated names while it loads.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (ec2.Vpc, s3.Bucket)


@pytest.fixture(scope="module")
def vault() -> Iterator[Api]:
    """A real Vault with the platform's engines and policies; asked with its root token."""
    with dev_vault() as made:
        _set_up(made)
        yield made


def _set_up(vault: Api) -> None:
    vault.put("sys/mounts/platform", {"type": "kv", "options": {"version": "2"}})
    vault.put("sys/auth/jwt-nomad", {"type": "jwt"})
    accessor = vault.get("sys/auth")["data"]["token/"]["accessor"]
    for name, rules in _vault_policies(accessor).items():
        vault.put(f"sys/policies/acl/{name}", {"policy": rules})
