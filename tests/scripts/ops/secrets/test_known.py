"""A name on the command line is a secret of the catalogue, or is refused with the nearest one."""

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.model import Env, Origin, Secret, json_file
from scripts.ops.secrets.known import Known, find, known
from tests.support.platforms import CLOUD, IN_CLOUD, LAPTOP, ON_LAPTOP
from tests.support.services import web

SECRETS = known(ON_LAPTOP, LAPTOP)


def test_every_secret_is_listed_once_with_all_who_read_it() -> None:
    found = SECRETS["llama-4-scout/key-chat"]
    assert {(one.service.name, one.follows) for one in found.readers} == {("llama-4-scout", True), ("chat", True)}
    assert {one.name for one in found.following} == {"llama-4-scout", "chat"}
    assert found.deployed == ()
    assert found.pin == "berth/local/versions/llama-4-scout/key-chat"


def test_what_no_instance_follows_has_no_pin() -> None:
    assert SECRETS["llama-4-scout/hugging-face"].pin == ""
    assert [one.name for one in SECRETS["llama-4-scout/hugging-face"].deployed] == ["llama-4-scout"]
    assert SECRETS["llama-4-scout/hugging-face"].fields == ("token",)


def test_the_certificate_is_told_by_its_origin() -> None:
    assert SECRETS["ingress/tls"].origin is Origin.CERTIFICATE


def test_nodes_read_the_login_of_the_registry_where_services_are_containers() -> None:
    assert known(IN_CLOUD, CLOUD)["registry/login"] == Known(name="registry/login", fields=("username", "password"))
    assert "registry/login" not in SECRETS


def test_a_service_that_follows_and_reads_once_gets_a_new_version_by_a_deployment() -> None:
    key = Secret(name="key")
    service = web(
        "both",
        env=(Env(name="KEY", value=key["value"]),),
        files=(json_file("secrets/key.json", {"it": key["value"]}, is_reread=True),),
    )
    found = known([service], LAPTOP)["both/key"]
    assert (found.following, [one.name for one in found.deployed]) == ((), ["both"])


def test_fields_of_all_readers_come_together() -> None:
    one = web("one", env=(Env(name="A", value=Secret(name="key", fields=("a",))["a"]),))
    two = web("two", env=(Env(name="B", value=Secret(name="key", owner="one", fields=("b", "a"))["b"]),))
    assert known([one, two], LAPTOP)["one/key"].fields == ("a", "b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("llama-4-scout/key-operater", "is not in the catalogue — did you mean llama-4-scout/key-operator?"),
        ("secret/default/bot-detector/api-key", "is no name of a secret — a name is <owner>/<name>"),
        ("zzz/qqq", "is not in the catalogue — it has "),
        ("chat", "is no name of a secret"),
        ("../x", "is no name of a secret"),
        ("a/b?c", "is no name of a secret"),
        ("a/b c", "is no name of a secret"),
        ("", "is no name of a secret"),
    ],
)
def test_another_name_is_refused(given: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(given, SECRETS)
    assert said in str(caught.value)


def test_an_option_is_named_where_the_verb_has_it() -> None:
    for has_option in (True, False):
        with pytest.raises(ConfigError) as caught:
            find("zzz/qqq", SECRETS, has_option=has_option)
        assert ("; `--unknown` takes any name" in str(caught.value)) is has_option


def test_any_name_is_taken_on_request_if_it_can_be_one() -> None:
    assert find("mine/own", SECRETS, unknown=True) == Known(name="mine/own", is_known=False)
    assert find("ingress/tls", SECRETS, unknown=True) is SECRETS["ingress/tls"]
    with pytest.raises(ConfigError):
        find("mine/../own", SECRETS, unknown=True)
