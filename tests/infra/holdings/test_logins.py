"""Whatever the settings are, a login gives one holder's policy, asks for exact words, and lasts a day at most."""

from hypothesis import given
from hypothesis import strategies as st

from infra.holdings import logins
from infra.holdings.entry import Entry
from vault_policies.holders import PEOPLE, PIPELINES, policy_name

words = st.text(
    st.characters(codec="ascii", categories=("L", "N"), include_characters="-_/.*"), min_size=1, max_size=30
)
groups = st.dictionaries(st.sampled_from(PEOPLE), words, min_size=1)
DAY_S = 24 * 3600


def roles(entries: list[Entry]) -> dict[str, Entry]:
    return {entry.make.rpartition("/")[2]: entry for entry in entries if "/role/" in entry.make}


def check(found: dict[str, Entry]) -> None:
    for name, entry in found.items():
        (policy,) = entry.body["token_policies"]
        assert policy == policy_name(name if name in (*PEOPLE, *PIPELINES, "server") else "node")
        assert entry.body["token_no_default_policy"] is True
        assert 0 < entry.body["token_ttl"] <= 3600
        assert entry.body.get("token_max_ttl", entry.body.get("token_explicit_max_ttl", DAY_S + 1)) <= DAY_S


@given(groups, words, words)
def test_a_person_needs_the_very_group_of_the_holder(groups: dict[str, str], claim: str, client: str) -> None:
    made = list(logins.by_oidc("https://gitlab.example.com", client, claim, groups, "https://vault:8200"))
    found = roles(made)
    check(found)
    asked = {name: entry.body["bound_claims"] for name, entry in found.items()}
    deploys = {"deploy": {claim: [groups["operator"]]}} if "operator" in groups else {}
    assert asked == {holder: {claim: [group]} for holder, group in groups.items()} | deploys
    assert {entry.body["bound_claims_type"] for entry in found.values()} == {"string"}
    assert {entry.body["user_claim"] for entry in found.values()} == {"sub"}
    assert not any(logins.HIDDEN_FIELD in entry.body for entry in made)


@given(st.integers(1, 10**9), words, words)
def test_a_pipeline_that_changes_anything_is_named_word_for_word(project: int, branch: str, environment: str) -> None:
    found = roles(list(logins.by_gitlab("https://vault:8200", project, branch, environment)))
    check(found)
    assert set(found) == set(PIPELINES)
    assert {entry.body["bound_claims_type"] for entry in found.values()} == {"string"}
    assert all(entry.body["bound_claims"]["project_id"] == str(project) for entry in found.values())
    for name in ("deploy", "rotate"):
        claims = found[name].body["bound_claims"]
        assert (claims["ref"], claims["ref_protected"], claims["environment"]) == (branch, "true", environment)


@given(st.sets(st.sampled_from([*PEOPLE, "deploy", "server", "client", "ingress"])))
def test_an_iam_role_is_one_holder_and_an_operator_may_be_the_one_who_deploys(names: set[str]) -> None:
    arns = {name: f"arn:aws:iam::123456789012:role/{name}" for name in names}
    found = roles(list(logins.by_iam(arns, "eu-west-1", "prod")))
    check(found)
    bound = {name: entry.body["bound_iam_principal_arn"] for name, entry in found.items()}
    deployers = [arns[name] for name in ("deploy", "operator") if name in arns]
    assert bound == {name: [arn] for name, arn in arns.items()} | ({"deploy": deployers} if deployers else {})
