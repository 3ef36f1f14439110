"""Who may do what in Vault: the table of docs/access.md, asked of a real Vault, every holder on every path."""

from pathlib import Path

import pytest

from infra.holdings.vault import HEADER
from infra.machine.web import Api, Refused
from vault_policies import holders

pytestmark = pytest.mark.live

PAGE = Path(__file__).parents[3] / "docs" / "access.md"
HOLDERS = holders.ALL
_LETTERS = {"read": "r", "create": "c", "update": "u", "patch": "p", "delete": "d", "list": "l", "sudo": "s"}
NOTHING = "\N{EN DASH}"
RULES = {"policy": 'path "*" { capabilities = ["read"] }'}
JOB_ROLE = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["x"], "token_policies": ["platform-operator"]}


def table() -> dict[str, dict[str, str]]:
    """Read the page's table: letters by holder, by path."""
    page = PAGE.read_text().partition("## The table")[2]
    rows = [line.strip("| ").split("|") for line in page.splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip().strip("`") for cell in row] for row in rows]
    assert head == ["path", *HOLDERS]
    return {row[0]: dict(zip(HOLDERS, row[1:], strict=True)) for row in body}


def token(vault: Api, holder: str) -> str:
    body = {"policies": [holders.policy_name(holder)], "no_default_policy": True}
    return str(vault.put("auth/token/create", body)["auth"]["client_token"])


def letters(capabilities: list[str]) -> str:
    return "".join(letter for name, letter in _LETTERS.items() if name in capabilities) or NOTHING


@pytest.fixture(scope="module")
def tokens(vault: Api) -> dict[str, str]:
    return {holder: token(vault, holder) for holder in HOLDERS}


@pytest.mark.parametrize("holder", HOLDERS)
def test_each_holder_may_do_what_the_table_says_and_nothing_else(
    vault: Api, tokens: dict[str, str], holder: str
) -> None:
    wanted = {path: cells[holder] for path, cells in table().items()}
    found = {
        path: letters(vault.ask("POST", "sys/capabilities", {"token": tokens[holder], "paths": [path]})[path])
        for path in wanted
    }
    assert found == wanted


def test_each_file_opens_with_who_holds_it_and_why() -> None:
    for holder in HOLDERS:
        first, second, *_ = holders.rules(holder).splitlines()
        assert first.startswith("# ") or second.startswith("# "), holder


def is_let(api: Api, method: str, path: str, body: object) -> bool:
    try:
        api.ask(method, path, body)
    except Refused as error:
        return error.status != 403
    return True


UP = (
    ("PUT", "sys/policies/acl/platform-deploy", RULES),
    ("PUT", "sys/policies/acl/platform-operator", RULES),
    ("PUT", "sys/policies/acl/mine", RULES),
    ("PUT", "sys/policies/acl/berth-chat", RULES),
    ("PUT", "sys/policies/egp/mine", RULES),
    ("POST", "sys/policies/password/mine", RULES),
    ("POST", "auth/jwt-nomad/role/berth-chat", JOB_ROLE),
    ("POST", "auth/jwt-nomad/role/mine", JOB_ROLE),
    ("POST", "auth/jwt-nomad/config", {"jwks_url": "https://mine.example.com"}),
    ("POST", "auth/token/create", {"policies": ["root"]}),
    ("POST", "auth/token/create", {"policies": ["platform-access"]}),
    ("POST", "auth/token/create-orphan", {"policies": ["platform-access"]}),
    ("POST", "auth/token/roles/mine", {"allowed_policies": ["root"]}),
    ("POST", "sys/auth/userpass", {"type": "userpass"}),
    ("POST", "sys/auth/jwt-mine", {"type": "jwt"}),
    ("POST", "auth/aws/role/deploy", {"token_policies": ["root"]}),
    ("POST", "auth/aws/config/client", {"sts_endpoint": "https://mine.example.com"}),
    ("POST", "auth/oidc/role/operator", {"bound_claims": {"groups_direct": ["mine"]}}),
    ("POST", "auth/oidc/config", {"oidc_discovery_url": "https://mine.example.com"}),
    ("POST", "auth/jwt-gitlab/role/deploy", JOB_ROLE),
    ("POST", "auth/jwt-gitlab/config", {"jwks_url": "https://mine.example.com"}),
    ("POST", "sys/auth/oidc", {"type": "oidc"}),
    ("POST", "sys/mounts/mine", {"type": "kv"}),
    ("POST", "sys/remount", {"from": "platform", "to": "secret/mine"}),
    ("PUT", "sys/audit/mine", {"type": "file", "options": {"file_path": "stdout"}}),
    ("DELETE", "sys/audit/file", None),
    ("PUT", "sys/plugins/catalog/secret/mine", {"sha256": "0" * 64, "command": "mine"}),
    ("POST", "identity/entity", {"name": "mine", "policies": ["root"]}),
    ("POST", "identity/group", {"name": "mine", "policies": ["root"]}),
    ("POST", "identity/oidc/role/mine", {"key": "default"}),
    ("POST", "nomad/config/access", {"address": "https://mine.example.com"}),
    ("POST", "nomad/role/deploy", {"type": "management"}),
    ("POST", "consul/config/access", {"address": "mine.example.com:8501"}),
    ("POST", "consul/roles/deploy", {"consul_policies": ["global-management"]}),
    ("GET", "database/creds/berth-chat.orders", None),
    ("GET", "database/static-creds/berth-chat.orders", None),
    ("POST", "database/config/orders", {"connection_url": "postgresql://mine.example.com/orders"}),
    ("POST", "database/roles/berth-chat.orders", {"creation_statements": ["GRANT ALL ON DATABASE orders TO mine"]}),
    ("POST", "database/static-roles/berth-chat.orders", {"username": "postgres", "rotation_period": 5}),
    ("GET", "aws/sts/berth-chat.s3", None),
    ("GET", "aws/creds/berth-chat.s3", None),
    ("POST", "aws/roles/berth-chat.s3", {"policy_document": "{}"}),
    ("POST", "aws/config/root", {"sts_endpoint": "https://mine.example.com"}),
    ("POST", "transit/decrypt/berth-chat.cards", {"ciphertext": "vault:v1:AAAA"}),
    ("POST", "transit/keys/berth-chat.cards/config", {"exportable": True}),
    ("POST", "transit/keys/mine", {"exportable": True}),
    ("GET", "nomad/creds/server", None),
    ("GET", "consul/creds/server", None),
    ("GET", "consul/creds/access", None),
    ("GET", "platform/data/server", None),
    ("GET", "sys/storage/raft/snapshot", None),
    ("GET", "sys/raw/core/keyring", None),
    ("POST", "pki/intermediate/generate/internal", {"common_name": "mine"}),
    ("POST", "pki/roles/node", {"allow_any_name": True}),
    ("POST", "sys/leases/revoke-prefix/nomad", None),
    ("POST", "sys/wrapping/wrap", {"a": "b"}),
    ("PUT", "sys/seal", None),
)


@pytest.mark.parametrize("holder", ["operator", "deploy", "plan", "rotate", "developer", "auditor"])
@pytest.mark.parametrize(("method", "path", "body"), UP, ids=lambda value: str(value)[:60])
def test_no_way_up_is_open(
    vault: Api, tokens: dict[str, str], holder: str, method: str, path: str, body: object
) -> None:
    assert not is_let(Api(vault.url, "", HEADER, tokens[holder]), method, path, body)
