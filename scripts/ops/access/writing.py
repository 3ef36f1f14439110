"""Writes the policies and roles that differ. Only `berth vault apply` and, on a laptop, `berth up` do this."""

from collections.abc import Sequence

from nomad_jobs.mounts import JOBS_MOUNT
from scripts.ops.access import databases
from scripts.ops.access.databases import Ask
from scripts.ops.access.differences import Difference, Kind
from scripts.ops.clients.api import Api
from scripts.ops.clients.consul import Consul
from scripts.ops.rendering import Rendered


def write(found: Sequence[Difference], rendered: Rendered, vault: Api, consul: Consul, ask: Ask) -> None:
    """Write each of them as it is rendered; `ask` gets the password of a database that Vault does not know yet.

    Raises:
        AuthError: the token may not; what was written before stays, and the next run writes the rest.

    """
    for one in found:
        match one.kind:
            case Kind.VAULT_POLICY:
                vault.put(f"/v1/sys/policies/acl/{one.name}", json={"policy": one.after})
            case Kind.VAULT_ROLE:
                vault.post(f"/v1/auth/{JOBS_MOUNT}/role/{one.name}", json=dict(rendered.vault_roles[one.name]))
            case Kind.DATABASE:
                databases.connect(one.name, one.before, one.after, vault, ask)
            case Kind.ENGINE_ENTRY:
                vault.post(f"/v1/{one.name}", json=dict(rendered.engine_entries[one.name]))
            case Kind.CONSUL_POLICY:
                policy = consul.acl_policy(one.name)
                consul.put_acl_policy(one.name, one.after, policy["ID"] if policy else "")
            case Kind.CONSUL_ROLE:
                consul.put_acl_role(one.name)
