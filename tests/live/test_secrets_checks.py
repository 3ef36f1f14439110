"""What `berth secrets` refuses before anything is written, and what it shows, on a real platform."""

import json
from collections.abc import Iterator

import pytest

from nginx.render import route_host
from nomad_jobs.errors import Exit
from scripts.ops.local.authority import make_certificate
from scripts.ops.secrets.handshake import presented
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR, ON_LAPTOP
from tests.support.secrets_command import Command, newest, serving

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets-checks")]

KEY = "bot-detector/api-key"
TLS = "ingress/tls"


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    with serving(FRONT_DOOR) as booted:
        yield booted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chat/api-kee"], "did you mean"),
        ([KEY, "--field", "valu"], "no service reads a field valu"),
        ([TLS], "has the fields certificate, private_key"),
        ([TLS, "--generate"], "has a value that somebody else gives"),
        ([TLS, "--field", "certificate"], "a certificate and its key are set together"),
        ([KEY, "--from-json"], "cannot be read: line 1"),
        ([KEY, "--generate", "--from-json"], "--generate and --from-json: do not go together"),
        ([KEY, "--from-json", "--field", "value"], "--from-json and --field: do not go together"),
        ([KEY, "--generate", "--from-file", "value=/dev/null"], "--generate and --from-file: do not go together"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_written(
    served: Laptop, berth: Command, words: list[str], said: str
) -> None:
    before = {name: newest(served, name) for name in (KEY, TLS)}
    answer = berth("set", *words, stdin="a-value")
    assert (answer.code, said in answer.err, "a-value" in answer.err) == (Exit.CONFIG, True, False), answer.err
    assert {name: newest(served, name) for name in (KEY, TLS)} == before


def test_a_certificate_is_checked_and_then_presented_by_the_front_door(served: Laptop, berth: Command) -> None:
    hosts = [route_host(one, served.platform) for one in ON_LAPTOP if one.route]
    folder = served.state.root / "given"
    folder.mkdir()
    subject = "A certificate of the operator's"
    good = make_certificate(subject, hosts, [], served.state.keys)
    few = make_certificate("few", hosts[:1], [], served.state.keys)
    for name, text in zip(("good", "good.key", "few", "few.key"), (*good, *few), strict=True):
        (folder / name).write_text(text)

    def give(certificate: str, key: str) -> tuple[int, str]:
        files = ["--from-file", f"certificate={folder / certificate}", "--from-file", f"private_key={folder / key}"]
        answer = berth("set", TLS, *files)
        return answer.code, answer.err

    before = newest(served, TLS)
    code, said = give("few", "few.key")
    assert (code, f"does not cover {', '.join(hosts[1:])}" in said) == (Exit.CONFIG, True), said
    code, said = give("good", "few.key")
    assert (code, "private_key: belongs to another certificate" in said) == (Exit.CONFIG, True), said
    assert newest(served, TLS) == before
    code, said = give("good", "good.key")
    assert code == 0, said
    found = presented("127.0.0.1", served.platform.https_port, hosts[0])
    assert not isinstance(found, str)
    assert found.subject.rfc4514_string() == f"CN={subject}"


def test_one_secret_is_shown_with_each_version_its_writer_and_who_has_it(served: Laptop, berth: Command) -> None:
    berth("set", KEY, stdin="shown-to-nobody")
    answer = berth("get-metadata", KEY)
    assert answer.code == 0, answer.err
    (row,) = [line for line in answer.out.splitlines() if line.startswith(str(newest(served, KEY)))]
    assert "token-berth" in row
    assert "in use" in row
    assert "shown-to-nobody" not in answer.out
    assert berth("get-metadata", "bot-detector/api-kee").code == Exit.CONFIG


def test_expiry_lists_what_ends_and_fails_for_ci_when_it_is_near(berth: Command) -> None:
    rows = json.loads(berth("expiry", "--json").out)
    kinds = {(one["kind"], one["name"].partition(" at ")[0]) for one in rows if one["ends"]}
    assert {("certificate", TLS), ("certificate", "front door"), ("token", "Vault's, token-berth")} <= kinds
    assert {one["kind"] for one in rows} == {"secret", "certificate", "authority", "token", "leases"}
    assert {one["warning"] for one in rows} == {""}, "the token ends in 32 days, the certificates in a year"
    assert berth("expiry", "--fail-within", "30").code == 0
    answer = berth("expiry", "--fail-within", "366")
    assert answer.code == Exit.EXPIRES
    assert "certificate ingress/tls" in answer.err


@pytest.mark.parametrize(("state", "said"), [("delete", "is deleted then"), ("destroy", "was destroyed")])
def test_expiry_tells_a_certificate_that_is_gone_beside_all_else(
    served: Laptop, berth: Command, state: str, said: str
) -> None:
    names = {one["name"] for one in json.loads(berth("expiry", "--json").out)}
    path = f"default/{TLS}"
    kept = served.target.vault.secret(path)
    number = newest(served, TLS)
    served.vault.put(f"/v1/secret/{state}/{path}", json={"versions": [number]})
    try:
        answer = berth("expiry", "--json")
    finally:
        served.target.vault.put_secret(path, kept, after_version=number)
    assert answer.code == 0, answer.err
    rows = json.loads(answer.out)
    assert {one["name"] for one in rows} == names
    assert [one["note"] for one in rows if one["name"] == TLS] == [f"version {number}, {said}"]


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "1" * 5000, "\u0663", "latest"])
def test_what_is_no_version_is_no_pin(berth: Command, version: str) -> None:
    answer = berth("pin", KEY, "--", version)
    assert (answer.code, "is no version" in answer.err) == (Exit.CONFIG, True), answer.err


def test_a_name_that_somebody_else_chose_is_listed_as_it_is(served: Laptop, berth: Command) -> None:
    odd = "odd [/x]/a b?c#d%41"
    served.target.vault.write(f"default/{odd}", {"v": "a-value"}, after_version=0, keep=False)
    answer = berth("list")
    assert answer.code == 0, answer.err
    (row,) = [line for line in answer.out.splitlines() if line.startswith(odd)]
    assert row.split()[-1] == "nobody"
