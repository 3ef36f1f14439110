"""Settings: ports by name, remembered, and refused before anything starts."""

import re

import pytest

from infra.network.ports import BY_NAME
from nomad_jobs.errors import ConfigError, ManyErrors
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import DEFAULTS, MAX_NODES, Settings, parse_ports


def test_ports_are_read_as_name_and_number() -> None:
    assert parse_ports(["nomad_http=14646", "http=8081"]) == {"nomad_http": 14646, "http": 8081}


@pytest.mark.parametrize("pair", ["nomad_http", "nomad_http=", "nomad_http=x", "nomad_http=-1", "nomad_http=²"])
def test_a_pair_that_is_none_is_named(pair: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--port {pair}: must be name=number")):
        parse_ports([pair])


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"nomad": 14646}, "there is no port 'nomad'; there are nomad_http, nomad_rpc"),
        ({"http": 80}, "port http is 80, but must be 1024 to 65535"),
        ({"http": 65536}, "port http is 65536, but must be 1024 to 65535"),
        ({"http": 8443}, "ports http and https are both 8443"),
        ({"http": 20010}, "port http (20010) lies among the dynamic ports 20000 to 20499"),
        ({"dynamic": 65400}, "dynamic ports 65400 to 65899 end beyond 65535"),
    ],
)
def test_ports_that_cannot_work_are_refused(ports: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Settings(ports=ports)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ManyErrors, match=r"nodes is 0.*\n.*no port 'x'"):
        Settings(nodes=0, ports={"x": 5000})


def test_every_node_has_its_own_dynamic_ports_within_the_platforms_range() -> None:
    assert Settings(nodes=MAX_NODES).port("dynamic") + MAX_NODES * 500 <= BY_NAME["dynamic"].last


def test_settings_come_back_as_they_were_written() -> None:
    settings = Settings(nodes=3, ports={"http": 9090})
    assert Settings.from_json(settings.to_json(), where="settings.json") == settings


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"nodes": 1, "ports": {"http": "x"}}',
        '{"nodes": 1, "ports": 3}',
        '{"nodes": 1, "ports": {}, "engines": "aws"}',
        '{"nodes": 1, "ports": {}, "engines": ["../x"]}',
        '{"nodes": 0, "ports": {}}',
    ],
)
def test_a_damaged_file_is_named_with_its_fix(text: str) -> None:
    with pytest.raises(ConfigError, match=r"settings.json: cannot be read: .* — repair it, or remove it"):
        Settings.from_json(text, where="settings.json")


def test_changes_are_added_to_what_was_remembered() -> None:
    changed = Settings(nodes=3, ports={"http": 9090}).with_changes(ports={"https": 9443})
    assert changed == Settings(nodes=3, ports={"http": 9090, "https": 9443})
    assert changed.with_changes(nodes=2).nodes == 2


def test_the_platform_is_on_loopback_with_every_port_of_the_settings() -> None:
    platform = local_platform(Settings(nodes=2, ports={name: port + 10_000 for name, port in DEFAULTS.items()}))
    assert (platform.nomad_url, platform.consul_url) == ("http://127.0.0.1:14646", "http://127.0.0.1:18500")
    assert (platform.vault_url, platform.http_port) == ("http://127.0.0.1:18200", 18080)
    assert {pool.name for pool in platform.pools.values()} == {"default", "all"}
    assert platform.pools["gpu"].nodes * platform.pools["gpu"].gpus_per_node == 16


def test_engines_are_remembered_and_can_be_forgotten() -> None:
    settings = Settings().with_engines(["nomad", "aws"], [])
    assert settings.engines == ("aws", "nomad")
    assert settings.with_engines(["aws"], ["nomad"]).engines == ("aws",)
    assert Settings.from_json(settings.to_json(), where="x") == settings
    assert Settings.from_json('{"nodes": 1, "ports": {}}', where="x").engines == ()


def test_an_engine_that_vault_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match="there is no engine 'awss'; there are aws, consul, nomad, postgresql"):
        Settings(engines=("awss",))
