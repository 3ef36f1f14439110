"""`berth secrets` on a real platform: a value reaches every instance that follows it, goes back, and is held."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.holdings.vault import VERSIONS_KEPT
from nomad_jobs.errors import ConfigError, Exit
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR, ON_LAPTOP
from tests.support.secrets_command import Command, newest, serving

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets")]

KEY = "bot-detector/api-key"
HUB = "llama-4-scout/hugging-face"
SERVICES = tuple(one for one in ON_LAPTOP if one.name in {BOT_DETECTOR.name, LLAMA_4_SCOUT.name, FRONT_DOOR.name})
DETECTOR, ENGINE = (next(one for one in SERVICES if one.name == name) for name in ("bot-detector", "llama-4-scout"))


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    """A laptop of its own, with the front door and two services that read secrets."""
    with serving(*SERVICES) as booted:
        yield booted


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


def test_what_is_in_use_is_not_pushed_out_of_vault_by_what_is_held(served: Laptop, berth: Command) -> None:
    assert berth("set", KEY, stdin="in-use").code == 0
    used = newest(served, KEY)
    while newest(served, KEY) < used + VERSIONS_KEPT - 1:
        assert berth("set", KEY, "--hold", "--generate").code == 0
    answer = berth("set", KEY, "--hold", "--generate")
    assert answer.code == Exit.CONFIG
    assert f"version {used} is in use, and Vault, which keeps 10 versions, would lose it" in answer.err
    assert newest(served, KEY) == used + VERSIONS_KEPT - 1
    served.deploy(DETECTOR)
    assert accepted(served, "in-use") == {200}
    assert berth("pin", KEY, "newest").code == 0


def test_an_instance_whose_version_is_gone_is_told_before_it_is_replaced(served: Laptop, berth: Command) -> None:
    served.deploy(ENGINE, deadline_s=90)
    used = newest(served, HUB)
    for _ in range(VERSIONS_KEPT):
        assert berth("set", HUB, stdin="hf_next").code == 0
    found = listed(berth, HUB)["problems"]
    assert found
    lost = f"has version {used}, not {used + VERSIONS_KEPT}, and Vault has that no more"
    assert all(lost in one for one in found)
    served.deploy(ENGINE, deadline_s=90)
    assert listed(berth, HUB)["problems"] == []


def test_what_could_not_be_held_leaves_no_pin(served: Laptop, berth: Command) -> None:
    path, before = f"default/{KEY}", newest(served, KEY)
    theirs = {"value": "theirs"}
    answer = berth(
        "set",
        KEY,
        "--hold",
        stdin="not-held",
        meanwhile=lambda: served.target.vault.put_secret(path, theirs, after_version=before),
    )
    assert answer.code == Exit.CHANGES
    assert served.target.vault.newest(path).pinned == 0


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
