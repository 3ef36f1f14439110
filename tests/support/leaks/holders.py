"""Tokens of those who look and change nothing, for each of the three servers of a laptop."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import infra.agents
from infra.holdings import tokens
from infra.holdings import vault as vault_holdings
from infra.holdings.entry import hold
from scripts.ops.access.root import root
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.laptop import Laptop
from tests.support.leaks.answers import Asking
from vault_policies import holders

LOOKING = ("developer", "auditor", "plan")
ANYONE = "anyone"
_RULES = Path(infra.agents.__file__).parent / "policies"


@contextmanager
def asking(there: Laptop, program: str) -> Iterator[dict[str, Asking]]:
    """Give one door for each of them, and for who has no token at all."""
    made = {"nomad": _in_nomad, "consul": _in_consul, "vault": _in_vault}[program](there)
    header = {"nomad": "X-Nomad-Token", "consul": "X-Consul-Token", "vault": "X-Vault-Token"}[program]
    url = {"nomad": there.nomad.url, "consul": there.consul.url, "vault": there.vault.url}[program]
    with ExitStack() as doors:
        found = {ANYONE: Asking(f"{ANYONE} in {program}", url, {})}
        found |= {who: Asking(f"{who} in {program}", url, {header: token}) for who, token in made.items()}
        for door in found.values():
            doors.callback(door.close)
        yield found


def vault_spec(there: Laptop) -> dict[str, object]:
    """Give Vault's own list of all that it answers."""
    with session("Vault", there.vault.url) as plain, root(plain, unseal_keys(there.state)) as as_root:
        return dict(as_root.get("/v1/sys/internal/specs/openapi"))


def _in_nomad(there: Laptop) -> dict[str, str]:
    made = {}
    for who in LOOKING:
        hold(there.nomad, tokens.nomad_policy(who, (_RULES / f"nomad-{who}.hcl").read_text()))
        body = {"Name": who, "Type": "client", "Policies": [tokens.name_of(who)]}
        made[who] = str(there.nomad.post("/v1/acl/token", json=body)["SecretID"])
    return made


def _in_consul(there: Laptop) -> dict[str, str]:
    made = {}
    for who in LOOKING:
        hold(there.consul, tokens.consul_policy(who, (_RULES / f"consul-{who}.hcl").read_text()))
        body = {"Description": who, "Policies": [{"Name": tokens.name_of(who)}]}
        made[who] = str(there.consul.put("/v1/acl/token", json=body)["SecretID"])
    return made


def _in_vault(there: Laptop) -> dict[str, str]:
    made = {}
    with session("Vault", there.vault.url) as plain, root(plain, unseal_keys(there.state)) as as_root:
        for who in LOOKING:
            hold(as_root, vault_holdings.policy(holders.policy_name(who), holders.rules(who)))
            body = {"policies": [holders.policy_name(who)], "no_default_policy": True}
            made[who] = str(as_root.post("/v1/auth/token/create-orphan", json=body)["auth"]["client_token"])
    return made
