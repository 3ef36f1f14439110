"""No secret is where it should not be: known values are looked for in all that a platform writes, runs and answers.

Each search is shown to see: a plain value that is no secret must be found in every kind of place.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leaks import answers, places
from tests.support.leaks.forms import Finding, Wanted
from tests.support.leaks.holders import ANYONE, LOOKING, asking, vault_spec
from tests.support.leaks.story import CONTROL, FAILING, READER, Story, story

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("leaks")]

VARIABLE = re.compile(rf"^default/({READER}/key variable|{FAILING}/key plain) \d+$")
"""Secrets that a service takes as variables."""
MAY_HOLD = (
    (re.compile(r"^nomad-\d+/alloc/[^/]+/([^/]+)/secrets/"), re.compile(".")),
    # Nomad keeps how it started a task, variables included, to find it again after a restart: docs/access.md.
    (re.compile(r"^nomad-\d+/client/state\.db$"), VARIABLE),
    # `berth up` writes the header of the sample request for `curl -H @file`.
    (re.compile(r"^headers/"), re.compile(r" ?sample-key ")),
)
"""Which file may hold which secret."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with story(tmp_path_factory.mktemp("leaks")) as lived:
        yield lived


@pytest.fixture(scope="module")
def wanted(told: Story) -> Wanted:
    return Wanted(told.secrets)


@pytest.fixture(scope="module")
def all_wanted(told: Story) -> Wanted:
    """Also the platform's own tokens and keys, which agents have in their files, and nobody shows."""
    return Wanted({**told.secrets, **told.keys})


def controls(places_seen: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]]) -> set[str]:
    """Name the places in which the plain value stands."""
    return {finding.place for finding in Wanted({"control": CONTROL}).names_in(places_seen)}


def test_what_is_looked_for_is_every_kind_of_secret(told: Story) -> None:
    assert set(told.printed) == {"deploy", "failed", "refused", "render", "plan", "status", "doctor", "again"}
    assert "ended: Exit Code: 3" in told.printed["failed"]
    assert "no field absent" in told.printed["refused"]
    assert {name.rsplit("/", 1)[-1] for name in told.secrets} >= {
        *(
            f"key {field} {version}"
            for field in ("variable", "json", "plain", "followed", "script")
            for version in (1, 2)
        ),
        "tls private_key 1",
        "key-operator value 1",
        "hugging-face token 1",
    }


def test_no_file_holds_one_but_those_that_the_task_reads(told: Story, wanted: Wanted) -> None:
    seen = list(places.files(told.laptop.state.root))
    assert [one for one in sorted(wanted.names_in(seen), key=str) if not may_hold(one)] == []
    found = controls(seen)
    assert "nomad-server/server/raft/raft.db" in found
    assert "nomad-1/client/state.db" in found
    assert any(place.startswith("consul/raft/") for place in found), "a key of Consul's, in Consul's own database"
    assert any(place.endswith(f"alloc/logs/{READER}.stdout.0") for place in found)
    assert any(b"core/keyring" in raw for name, raw in seen if name.startswith("vault/")), "Vault's own database"
    assert any(b"leak-reader" in raw for name, raw in seen if name.startswith("logs/vault")), "its audit log"


def test_no_log_holds_a_token_or_key_of_the_platform(told: Story, all_wanted: Wanted) -> None:
    seen = [(name, raw) for name, raw in places.files(told.laptop.state.root) if re.search(r"logs?/|\.log", name)]
    assert {"nomad-bootstrap", "consul-management", "vault-operator", "vault-init.json", "ca.key"} <= set(told.keys)
    assert all_wanted.names_in(seen) == set()
    assert {f"logs/{name}.log" for name in ("consul", "nomad-server", "nomad-1", "vault")} <= {name for name, _ in seen}


def may_hold(finding: Finding) -> bool:
    return any(place.search(finding.place) and name.search(finding.name) for place, name in MAY_HOLD)


def test_what_nomad_keeps_of_variables_is_for_its_owner_alone(told: Story) -> None:
    (kept,) = told.laptop.state.root.glob("nomad-*/client/state.db")
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Nomad mounts memory")
def test_the_tasks_folder_of_secrets_is_no_disk(told: Story) -> None:
    folder = told.laptop.task_folder(READER) / "secrets"
    (mounted,) = [line for line in Path("/proc/mounts").read_text().splitlines() if f" {folder} " in line]
    assert mounted.split()[2] == "tmpfs"


def test_no_process_shows_one_but_the_task_that_takes_it_as_a_variable(told: Story, all_wanted: Wanted) -> None:
    seen = list(places.processes(told.laptop.task_processes()))
    own = {f"environ of {process.name()} {process.pid}" for process in told.laptop.task_processes()}
    holding = {one.place: one.name for one in all_wanted.names_in(seen)}
    assert [place for place in holding if not place.startswith("environ of python3 ")] == []
    assert [name for name in holding.values() if not VARIABLE.match(name)] == []
    assert len(holding) == 1
    assert controls(seen) == set(holding) <= own
    assert {place.partition(" ")[0] for place, _ in seen} == {"cmdline", "environ"}


def test_nothing_that_the_command_prints_or_renders_holds_one(told: Story, all_wanted: Wanted) -> None:
    seen = [(name, text.encode()) for name, text in told.printed.items()]
    seen += places.files(told.rendered)
    assert all_wanted.names_in(seen) == set()
    assert {name.split("/")[0] for name, _ in places.files(told.rendered)} >= {"jobs", "vault"}
    assert controls([("deploy", f"{told.printed['deploy']}{CONTROL}".encode())]) == {"deploy"}


def test_nomad_answers_nobody_who_only_looks_with_one(told: Story, all_wanted: Wanted) -> None:
    with asking(told.laptop, "nomad") as doors:
        paths = [*answers.paths("nomad"), *_of_jobs(told)]
        seen = [one for door in doors.values() for one in door.get(paths)]
        seen += [one for door in doors.values() for one in door.streams(answers.STREAMS)]
        assert all_wanted.names_in(seen) == set()
        job = f"/v1/job/{READER}"
        assert {who for who in doors if f"{who} in nomad GET {job}" in controls(seen)} == set(LOOKING)
        assert f"developer in nomad GET {answers.EVENTS}" in controls(seen), "its events, with the job in them"
        assert any("/client/fs/logs/" in place for place in controls(seen) if place.startswith("developer"))
        assert not [path for who in doors for path in doors[who].read if "/fs/cat/" in path or "/fs/readat/" in path]
        assert not {path for path in doors[ANYONE].read if path.startswith(("/v1/job", "/v1/alloc", "/v1/nodes"))}


def _of_jobs(told: Story) -> Iterator[str]:
    for job in told.laptop.nomad.get("/v1/jobs"):
        yield from (path.format(id=job["ID"]) for path in answers.paths("nomad-job"))
    for one in told.laptop.nomad.get("/v1/allocations"):
        yield from (path.format(id=one["ID"], task=one["JobID"]) for path in answers.paths("nomad-allocation"))
        yield f"/v1/evaluation/{one['EvalID']}"


def test_consul_answers_nobody_who_only_looks_with_one(told: Story, all_wanted: Wanted) -> None:
    node = told.laptop.consul.get("/v1/agent/self")["Config"]["NodeName"]
    services = list(told.laptop.consul.get("/v1/catalog/services"))
    paths = [path.format(node=node) for path in answers.paths("consul")]
    paths += [f"/v1/{kind}/{name}" for kind in ("health/service", "catalog/service") for name in services]
    with asking(told.laptop, "consul") as doors:
        seen = [one for door in doors.values() for one in door.get(paths)]
        seen += [one for door in doors.values() for one in door.streams(answers.CONSUL_STREAMS)]
        assert all_wanted.names_in(seen) == set()
        found = controls(seen)
        assert "auditor in consul GET /v1/kv/?recurse=true" in found, "in base64, as Consul answers"
        assert not [place for place in found if place.startswith(ANYONE)]


def test_vault_answers_nobody_who_only_looks_with_one(told: Story, all_wanted: Wanted) -> None:
    names = ["berth-chat", f"berth-{READER}", "platform-operator"]
    known = {"path": [*told.paths, "default"], "name": names, "policy": names, "role": names}
    paths = answers.vault_paths(vault_spec(told.laptop), known)
    assert len(paths) > 150, "Vault tells all that it answers"
    with asking(told.laptop, "vault") as doors:
        seen = [one for door in doors.values() for one in door.get(paths)]
        seen += [one for door in doors.values() for one in door.streams(answers.VAULT_STREAMS)]
        found = all_wanted.names_in(seen)
        assert {one for one in found if "/sample-key " not in one.name} == set()
        assert {one.place.split(" ")[0] for one in found} == {"developer"}, "who may ask a service for a sample"
        metadata = f"GET /v1/secret/metadata/default/{READER}/key"
        marked = {who for who in doors if any(f"{who} in vault {metadata}" in place for place in controls(seen))}
        assert marked == set(LOOKING)
