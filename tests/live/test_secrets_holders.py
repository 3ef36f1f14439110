"""Each holder's tokens with `berth secrets`: two may write, the others look, and what one may not see is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import agents
from nomad_jobs.errors import Exit
from scripts.ops.access.root import root
from scripts.ops.credentials import Credentials
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import unseal_keys
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR, ON_LAPTOP
from tests.support.secrets_command import Command, serving
from vault_policies import holders

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets-holders")]

KEY = "bot-detector/api-key"
DETECTOR = next(one for one in ON_LAPTOP if one.name == "bot-detector")
WRITE = ("operator", "rotate")
LOOK = ("developer", "auditor", "plan", "deploy")
ASK_INSTANCES = ("operator", "rotate", "deploy")
READ_VALUES = ("operator", "rotate")


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    with serving(FRONT_DOOR, DETECTOR) as booted:
        yield booted


@pytest.fixture(scope="module")
def tokens(served: Laptop) -> Iterator[dict[str, Credentials]]:
    """Give every holder the policies that a cloud stack gives him, in all three."""
    with session("Vault", served.platform.vault_url) as vault, root(vault, unseal_keys(served.state)) as as_root:
        found = {}
        for holder in (*WRITE, *LOOK):
            name = holders.policy_name(holder)
            as_root.put(f"/v1/sys/policies/acl/{name}", json={"policy": holders.rules(holder)})
            body = {"policies": [name], "no_default_policy": True, "display_name": holder}
            in_vault = as_root.post("/v1/auth/token/create", json=body)["auth"]["client_token"]
            served.nomad.post(f"/v1/acl/policy/{name}", json={"Name": name, "Rules": rules("nomad", holder)})
            in_nomad = served.nomad.put("/v1/acl/token", json={"Type": "client", "Policies": [name]})["SecretID"]
            served.consul.put("/v1/acl/policy", json={"Name": name, "Rules": rules("consul", holder)})
            in_consul = served.consul.put("/v1/acl/token", json={"Policies": [{"Name": name}]})["SecretID"]
            found[holder] = Credentials(nomad=in_nomad, consul=in_consul, vault=in_vault)
        yield found


def rules(where: str, holder: str) -> str:
    (folder,) = agents.__path__
    return Path(folder, "policies", f"{where}-{holder}.hcl").read_text()


def act_as(monkeypatch: pytest.MonkeyPatch, credentials: Credentials) -> None:
    monkeypatch.setattr("scripts.ops.stacks.credentials_of", lambda _: credentials)


@pytest.mark.parametrize("holder", [*WRITE, *LOOK])
def test_everybody_lists_and_what_he_may_not_see_is_a_dash_and_a_line(
    berth: Command, tokens: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    act_as(monkeypatch, tokens[holder])
    answer = berth("list")
    assert answer.code == 0, answer.err
    (row,) = [line for line in answer.out.splitlines() if line.startswith(KEY)]
    sees = holder in ASK_INSTANCES
    assert (row.rstrip().endswith("-"), "may not read files of instances" in answer.out) == (not sees, not sees)
    one = berth("get-metadata", KEY)
    assert one.code == 0, one.err
    assert "token-" in one.out


@pytest.mark.parametrize("holder", [*WRITE, *LOOK])
def test_everybody_sees_what_ends(
    berth: Command, tokens: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    act_as(monkeypatch, tokens[holder])
    answer = berth("expiry", "--json")
    assert answer.code == 0, answer.err
    rows = {(one["kind"], one["name"].partition(" at ")[0]): one for one in json.loads(answer.out)}
    assert bool(rows["certificate", "ingress/tls"]["ends"]) == (holder in READ_VALUES)
    assert rows["certificate", "front door"]["ends"]
    sees_leases = holder in {"operator", "auditor"}
    assert ("leases", "that Vault cannot revoke" if sees_leases else "of other tokens") in rows


@pytest.mark.parametrize("holder", WRITE)
def test_two_holders_write_and_pin(
    served: Laptop, berth: Command, tokens: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    before = served.target.vault.newest(f"default/{KEY}").version
    act_as(monkeypatch, tokens[holder])
    answer = berth("set", KEY, "--generate")
    assert answer.code == 0, answer.err
    assert berth("pin", KEY, str(before)).code == 0
    assert berth("pin", KEY, "newest").code == 0
    (row,) = [line for line in berth("list").out.splitlines() if line.startswith(KEY)]
    assert f"token-{holder}" in row


@pytest.mark.parametrize("holder", LOOK)
def test_the_others_change_nothing(
    served: Laptop, berth: Command, tokens: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    path = f"default/{KEY}"
    before = served.target.vault.metadata(path)
    act_as(monkeypatch, tokens[holder])
    for words in (["set", KEY], ["set", KEY, "--hold"], ["pin", KEY, "1"]):
        answer = berth(*words, stdin="a-value")
        assert (answer.code, "403" in answer.err) == (Exit.AUTH, True), answer.err
    assert served.target.vault.metadata(path) == before
