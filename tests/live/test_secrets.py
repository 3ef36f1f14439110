"""`berth secrets` on a real platform: a value reaches every instance that follows it, goes back, and is held."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nginx.render import route_host
from nomad_jobs.errors import ConfigError, Exit
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from scripts.ops.local.authority import make_certificate
from scripts.ops.local.setup.seed import seed
from scripts.ops.secrets.handshake import presented
from tests.support.laptop import Laptop, laptop
from tests.support.platforms import FRONT_DOOR, ON_LAPTOP
from tests.support.secrets_command import Command

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets")]

KEY = "bot-detector/api-key"
HUB = "llama-4-scout/hugging-face"
TLS = "ingress/tls"
SERVICES = tuple(one for one in ON_LAPTOP if one.name in {BOT_DETECTOR.name, LLAMA_4_SCOUT.name, FRONT_DOOR.name})
DETECTOR, ENGINE = (next(one for one in SERVICES if one.name == name) for name in ("bot-detector", "llama-4-scout"))


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    """A laptop of its own, with the front door and two services that read secrets."""
    with laptop() as booted:
        booted.state.write(booted.state.root / "platform.json", booted.platform.to_json())
        seed(ON_LAPTOP, booted.platform, booted.target.vault, booted.state.keys)
        booted.deploy(*SERVICES)
        yield booted


@pytest.fixture
def berth(served: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(served, monkeypatch, capsys)


def newest(laptop: Laptop, name: str) -> int:
    return laptop.target.vault.newest(f"default/{name}").version


def listed(berth: Command, name: str) -> dict[str, Any]:
    answer = berth("list", "--json")
    assert answer.code == 0, answer.err
    (row,) = [one for one in json.loads(answer.out)["secrets"] if one["name"] == name]
    return {**row, "has": [one["versions"].get(name) for one in row["instances"]]}


def accepted(laptop: Laptop, key: str) -> set[int]:
    """Ask every instance of the bot detector itself with `key`; give the answers."""
    addresses = laptop.target.consul.instances(DETECTOR.name)
    assert addresses
    return {
        httpx.post(
            f"http://{address}/predict",
            json={"email": "a@b.example", "name": "a"},
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        ).status_code
        for address in addresses
    }


def test_a_value_reaches_every_running_instance_and_the_old_one_is_refused(served: Laptop, berth: Command) -> None:
    before = served.target.consul.instances(DETECTOR.name)
    old = served.target.vault.secret(f"default/{KEY}")["value"]
    answer = berth("set", KEY, stdin="the-new-key\n")
    assert answer.code == 0, answer.err
    assert "is in use by all of them" in answer.out
    assert (accepted(served, "the-new-key"), accepted(served, old)) == ({200}, {401})
    assert served.target.consul.instances(DETECTOR.name) == before, "no instance was replaced"
    version = newest(served, KEY)
    found = listed(berth, KEY)
    assert (found["newest"], found["followed"], set(found["has"])) == (version, str(version), {version})
    assert found["problems"] == []


def test_a_pin_goes_back_a_deployment_keeps_it_and_newest_ends_it(served: Laptop, berth: Command) -> None:
    for value in ("good-key", "bad-key"):
        assert berth("set", KEY, stdin=value).code == 0
    good = newest(served, KEY) - 1
    answer = berth("pin", KEY, str(good))
    assert answer.code == 0, answer.err
    assert (accepted(served, "good-key"), accepted(served, "bad-key")) == ({200}, {401})
    served.deploy(DETECTOR)
    assert accepted(served, "good-key") == {200}
    assert listed(berth, KEY)["problems"] == [f"pinned to version {good}, and the newest is {good + 1}"]
    assert berth("pin", KEY, "newest").code == 0
    assert (accepted(served, "good-key"), accepted(served, "bad-key")) == ({401}, {200})
    assert listed(berth, KEY)["problems"] == []


def test_a_new_value_ends_a_pin(served: Laptop, berth: Command) -> None:
    assert berth("pin", KEY, str(newest(served, KEY))).code == 0
    assert berth("set", KEY, "--generate").code == 0
    assert served.target.vault.newest(f"default/{KEY}").pinned == 0


def test_what_is_read_once_is_brought_by_a_deployment_which_respects_the_pin(served: Laptop, berth: Command) -> None:
    before = newest(served, HUB)
    answer = berth("set", HUB, stdin="hf_new")
    assert answer.code == 0, answer.err
    assert "llama-4-scout read it when they begin: `berth deploy local` brings it to them" in answer.out
    assert set(listed(berth, HUB)["has"]) == {before}
    assert berth("pin", HUB, str(before)).code == 0
    assert [one.changed for one in served.deploy(ENGINE, deadline_s=90)] == [False]
    assert berth("pin", HUB, "newest").code == 0
    assert [one.changed for one in served.deploy(ENGINE, deadline_s=90)] == [True]
    assert set(listed(berth, HUB)["has"]) == {before + 1}


def test_a_held_value_reaches_nobody_before_somebody_pins_it(served: Laptop, berth: Command) -> None:
    berth("set", KEY, stdin="in-use")
    answer = berth("set", KEY, "--hold", stdin="held")
    assert answer.code == 0, answer.err
    assert "nobody uses yet" in answer.out
    served.deploy(DETECTOR)
    assert (accepted(served, "in-use"), accepted(served, "held")) == ({200}, {401})
    assert berth("pin", KEY, "newest").code == 0
    assert (accepted(served, "in-use"), accepted(served, "held")) == ({401}, {200})


def test_who_wrote_in_between_is_named_and_nothing_is_overwritten(served: Laptop, berth: Command) -> None:
    path = f"default/{KEY}"
    before = newest(served, KEY)
    answer = berth(
        "set",
        KEY,
        stdin="mine",
        meanwhile=lambda: served.target.vault.put_secret(path, {"value": "theirs"}, after_version=before),
    )
    assert answer.code == Exit.CHANGES
    assert f"token-berth wrote version {before + 1} 0 s ago, after version {before} was looked at" in answer.err
    assert served.target.vault.secret(path) == {"value": "theirs"}
    assert newest(served, KEY) == before + 1


def test_who_deleted_in_between_is_named_too(served: Laptop, berth: Command) -> None:
    before = newest(served, KEY)
    answer = berth("set", KEY, stdin="mine", meanwhile=lambda: served.vault.delete(f"/v1/secret/data/default/{KEY}"))
    assert answer.code == Exit.CHANGES
    assert f"token-berth deleted version {before}" in answer.err
    served.vault.post(f"/v1/secret/undelete/default/{KEY}", json={"versions": [before]})


def test_other_fields_keep_their_values_and_nobody_reads_them(served: Laptop, berth: Command) -> None:
    answer = berth("set", "mine/login", "--unknown", "--from-json", stdin='{"user": "ada", "password": "x"}')
    assert answer.code == 0, answer.err
    assert berth("set", "mine/login", "--unknown", "--field", "password", stdin="-@{{ y }}").code == 0
    assert served.target.vault.secret("default/mine/login") == {"user": "ada", "password": "-@{{ y }}"}
    assert listed(berth, "mine/login")["is_known"] is False
    lines = berth("list").out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("mine/login")] == ["nobody"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chat/api-kee"], "did you mean"),
        ([KEY, "--field", "valu"], "no service reads a field valu"),
        ([TLS], "has the fields certificate, private_key"),
        ([TLS, "--generate"], "has a value that somebody else gives"),
        ([TLS, "--field", "certificate"], "a certificate and its key are set together"),
        ([KEY, "--from-json"], "cannot be read: line 1"),
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


@pytest.mark.parametrize("state", ["delete", "destroy"])
def test_a_version_that_is_gone_or_never_was_is_no_pin(served: Laptop, berth: Command, state: str) -> None:
    for value in ("one", "two"):
        berth("set", KEY, stdin=value)
    gone = newest(served, KEY) - 1
    followed = served.target.consul.key(f"berth/local/versions/{KEY}")
    served.vault.post(f"/v1/secret/{state}/default/{KEY}", json={"versions": [gone]})
    answer = berth("pin", KEY, str(gone))
    assert (answer.code, f"version {gone} was {state}" in answer.err) == (Exit.CONFIG, True), answer.err
    answer = berth("pin", KEY, "999")
    assert (answer.code, "has no version 999" in answer.err) == (Exit.CONFIG, True), answer.err
    assert served.target.consul.key(f"berth/local/versions/{KEY}") == followed
    assert served.target.vault.newest(f"default/{KEY}").pinned == 0


def test_a_deployment_whose_pinned_version_is_gone_stops_and_names_the_way_on(served: Laptop, berth: Command) -> None:
    for value in ("one", "two"):
        berth("set", KEY, stdin=value)
    pinned = newest(served, KEY) - 1
    assert berth("pin", KEY, str(pinned)).code == 0
    served.vault.post(f"/v1/secret/destroy/default/{KEY}", json={"versions": [pinned]})
    with pytest.raises(ConfigError, match=f"pinned to version {pinned}, which cannot be read") as caught:
        served.deploy(DETECTOR)
    assert f"`berth secrets pin {KEY} newest local` ends the pin" in caught.value.fix
    assert berth("pin", KEY, "newest").code == 0
    served.deploy(DETECTOR)


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
