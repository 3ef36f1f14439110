"""The contents of a job: no secret, no login of a registry, and a hash of its form."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import (
    Check,
    Container,
    Env,
    File,
    Gpus,
    Override,
    Peers,
    Process,
    Service,
    Size,
    User,
    command,
    json_file,
)
from nomad_jobs.platform import Driver, Platform
from nomad_jobs.render import render_job
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT
from nomad_jobs.text import driver_text
from tests.nomad_jobs.test_model import KEY, build
from tests.support.platforms import CLOUD, FRONT_DOOR, LAPTOP, test_pins

PINS = test_pins("app:1", *(image for service in SERVICES for image in service.images))


def form(service: Service, platform: Platform = LAPTOP, **versions: int) -> str:
    pinned = {f"app/{name}": number for name, number in versions.items()}
    found = re.search(r'"berth_form"  = "(\w+)"', render_job(service, platform, images=PINS, versions=pinned))
    assert found
    return found.group(1)


@pytest.mark.parametrize("platform", [LAPTOP, CLOUD], ids=lambda platform: platform.stack)
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_task_is_given_the_registrys_login(service: Service, platform: Platform) -> None:
    text = render_job(service.on(platform.stack), platform, images=PINS)
    assert "REGISTRY_" not in text
    assert "registry/login" not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "Other words"},
        {"checks": (Check(interval_s=9),)},
        {"healthy_for_s": 9},
        {"size": Size(instances=7, starts_within_s=99)},
    ],
)
def test_the_form_stays_where_nomad_changes_in_place(changes: dict[str, Any]) -> None:
    assert form(build(**changes)) == form(build())


@pytest.mark.parametrize(
    "changes",
    [
        {"process": Process(argv=("app", "--other"))},
        {"size": Size(memory_mb=256)},
        {"size": Size(gpus=Gpus(count=1))},
        {"checks": (Check(path="/other"),)},
        {"env": (Env(name="A", value="1"),)},
        {"env": (Env(name="A", value=KEY["value"]),)},
        {"files": (File(path="local/a", parts=("text",)),)},
    ],
)
def test_the_form_changes_with_what_a_process_is_given(changes: dict[str, Any]) -> None:
    assert form(build(**changes)) != form(build())


def test_a_new_version_of_a_secret_is_a_new_form() -> None:
    service = build(env=(Env(name="A", value=KEY["value"]),))
    assert form(service, key=1) != form(service, key=2)


@pytest.mark.parametrize("changes", [{"argv": ("other",)}, {"user": User(uid=1, gid=1)}, {"is_root_writable": True}])
def test_a_container_makes_a_form_where_there_are_containers(changes: dict[str, Any]) -> None:
    other = build(container=Container(image="app:1", **changes))
    assert form(other) == form(build())
    assert form(other, CLOUD) != form(build(), CLOUD)


def test_a_laptop_with_docker_runs_containers_of_its_own_size() -> None:
    laptop = LAPTOP.model_copy(update={"driver": Driver.DOCKER})
    text = render_job(LLAMA_4_SCOUT.on("local"), laptop, images=test_pins(*LLAMA_4_SCOUT.images))
    assert 'driver       = "docker"' in text
    assert "engine-simulator" in text
    assert '"BERTH_BIND"                   = "0.0.0.0"' in text
    for line in ("count          = 2", "cpu    = 100", "memory = 128", "count = 4"):
        assert f"{line}\n" in text
    assert "nvidia" not in text


def test_what_is_said_of_a_container_is_not_in_a_process() -> None:
    files = (File(path="local/a", parts=("text",)),)
    owned = build(files=files, container=Container(image="app:1", user=User(uid=7, gid=8)))
    assert render_job(owned, LAPTOP, images=PINS) == render_job(build(files=files), LAPTOP, images=PINS)


def test_a_service_that_was_not_resolved_is_not_rendered() -> None:
    for service in (build(overrides=(Override(stack="local", instances=2),)), build(process=None)):
        with pytest.raises(ValueError, match="app is not resolved for local"):
            render_job(service, LAPTOP, images=PINS)


def test_a_followed_secret_is_pinned_in_consul_and_not_in_the_job() -> None:
    texts = {render_job(FRONT_DOOR, LAPTOP, images=PINS, versions={"ingress/tls": n}) for n in (1, 2)}
    assert len(texts) == 1
    assert '?version=%s" (key "berth/local/versions/ingress/tls")' in texts.pop()


def test_the_front_door_is_stopped_gently_and_as_late_as_any_request_may_end() -> None:
    """In a container, its image's STOPSIGNAL says how."""
    text = render_job(FRONT_DOOR, LAPTOP, images=PINS)
    assert 'kill_signal  = "SIGQUIT"' in text
    assert "kill_signal" not in render_job(FRONT_DOOR, CLOUD, images=PINS)
    assert f'kill_timeout = "{LAPTOP.max_kill_timeout_s}s"' in text
    longest = max(service.kill_timeout_s for service in SERVICES)
    assert longest <= LAPTOP.max_kill_timeout_s


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("${NOMAD_PORT_http}", "${NOMAD_PORT_http}"),
        ("%{http_code}", '${"%"}{http_code}'),
        ("${HOME}", '${"$"}{HOME}'),
        ("$${NOMAD_JOB_ID}", '${"$"}${NOMAD_JOB_ID}'),
        ("a\rb", 'a${"\\r"}b'),
        ("100% of $5", "100% of $5"),
    ],
)
def test_a_word_for_a_driver_is_written_so_that_it_arrives(word: str, written: str) -> None:
    assert driver_text(word) == written


def test_only_what_the_platform_says_differs_between_laptop_and_cloud() -> None:
    service = replace(build(), process=Process(argv=("app",)), container=Container(image="app:1", argv=("app",)))
    laptop, cloud = (render_job(service, platform, images=PINS) for platform in (LAPTOP, CLOUD))
    assert laptop.count("template {") == cloud.count("template {")


def test_a_json_file_is_json_with_the_nodes_values_in_their_places() -> None:
    file = json_file(
        "secrets/x.json", {"keys": [KEY["value"], KEY["value"]], "to": {"a": Peers("b")}, "n": 1, "s": '"'}
    )
    text = "".join(part if isinstance(part, str) else '"filled in"' for part in file.parts)
    assert json.loads(text) == {"keys": ["filled in"] * 2, "to": {"a": "filled in"}, "n": 1, "s": '"'}
    assert [part for part in file.parts if not isinstance(part, str)] == [KEY["value"], KEY["value"], Peers("b")]


def test_a_command_is_split_into_words_as_a_shell_would() -> None:
    assert command("app", "--host ${BERTH_BIND}", "--say 'two words'") == (
        "app",
        "--host",
        "${BERTH_BIND}",
        "--say",
        "two words",
    )
