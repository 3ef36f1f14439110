"""What tests of `infra` share: pulumi_aws loaded before warnings become errors, and a Vault of their own."""

import socket
import subprocess
import warnings
from collections.abc import Iterator

import pytest
from pulumi_aws import ec2, s3

from infra.compute.program_files import installed
from infra.holdings.vault import HEADER
from infra.machine.servers import _vault_policies
from infra.machine.system import until
from infra.machine.web import Api

# pulumi_aws warns of its own deprecated names while it loads.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (ec2.Vpc, s3.Bucket)


@pytest.fixture(scope="module")
def vault() -> Iterator[Api]:
    """A real Vault, in memory, with the platform's engines and policies; asked with its root token."""
    (program,) = installed().glob("vault/*/vault")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = (program, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}")
    with subprocess.Popen((*argv, "-dev-root-token-id=root"), stdout=subprocess.DEVNULL) as server:
        try:
            made = Api(f"http://{address}", "", HEADER, "root")
            until(lambda: "" if made.get("secret/config") else "no engine", "Vault", 60)
            _set_up(made)
            yield made
        finally:
            server.kill()


def _set_up(vault: Api) -> None:
    vault.put("sys/mounts/platform", {"type": "kv", "options": {"version": "2"}})
    vault.put("sys/auth/jwt-nomad", {"type": "jwt"})
    accessor = vault.get("sys/auth")["data"]["token/"]["accessor"]
    for name, rules in _vault_policies(accessor).items():
        vault.put(f"sys/policies/acl/{name}", {"policy": rules})
