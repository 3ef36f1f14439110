"""The catalogue on real Nomad, Consul, Vault and NGINX: it is served, redeployed, isolated, and keeps its secrets."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nginx.render import route_host
from nomad_jobs.catalog import SERVICES
from nomad_jobs.model import Secret, Service, secret_path
from nomad_jobs.resolve import resolve
from nomad_jobs.services.llama_4_scout import CHAT_KEY, LLAMA_4_SCOUT, OPERATOR_KEY, SAMPLE_KEY
from scripts.ops.clients.target import Target
from scripts.ops.deploy.report import print_report
from scripts.ops.deploy.run import Done
from scripts.ops.local.setup.seed import seed, write_headers
from tests.support.jobs import task_of
from tests.support.laptop import Laptop

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("platform")]


@pytest.fixture(scope="module")
def catalogue(target: Target) -> tuple[Service, ...]:
    return resolve(SERVICES, target.platform.stack, target.platform.driver).services


@pytest.fixture(scope="module")
def first(target: Target, platform: Laptop, catalogue: tuple[Service, ...]) -> tuple[Done, ...]:
    seed(catalogue, target.platform, target.vault, platform.state.keys)
    return platform.deploy(*catalogue, whole=True, deadline_s=None)


@pytest.fixture
def front(target: Target) -> Iterator[httpx.Client]:
    base = f"http://{target.platform.entry}:{target.platform.http_port}"
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        yield client


def host(service: Service, target: Target) -> dict[str, str]:
    return {"Host": route_host(service, target.platform)}


def key(target: Target, secret: Secret = OPERATOR_KEY) -> str:
    return str(target.vault.secret(f"default/{secret_path(secret, LLAMA_4_SCOUT)}")["value"])


def chat_request(target: Target, front: httpx.Client, bearer: str, **body: object) -> httpx.Request:
    message = {"model": LLAMA_4_SCOUT.name, "messages": [{"role": "user", "content": "hi"}], **body}
    headers = {**host(LLAMA_4_SCOUT, target), "Authorization": f"Bearer {bearer}"}
    return front.build_request("POST", "/v1/chat/completions", json=message, headers=headers)


def test_every_service_is_deployed_and_reported(
    first: tuple[Done, ...], catalogue: tuple[Service, ...], target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(first, {}, target, as_json=True)
    rows = {row["service"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {service.name for service in catalogue}
    assert all(row["instances"] == row["wanted"] for row in rows.values())
    assert rows["llama-4-scout"]["gpus"] == 8
    assert len(rows["llama-4-scout"]["addresses"]) == 2


@pytest.mark.usefixtures("first")
def test_deploying_again_changes_nothing(target: Target, platform: Laptop, catalogue: tuple[Service, ...]) -> None:
    before = {service.name: target.nomad.job(service.name) for service in catalogue}
    again = platform.deploy(*catalogue, whole=True, deadline_s=None)
    assert [one.service.name for one in again if one.changed] == []
    after = {service.name: target.nomad.job(service.name) for service in catalogue}
    assert {name: job and job["JobModifyIndex"] for name, job in before.items()} == {
        name: job and job["JobModifyIndex"] for name, job in after.items()
    }


@pytest.mark.usefixtures("first")
def test_the_model_streams_tokens_through_nginx_as_they_come(target: Target, front: httpx.Client) -> None:
    request = chat_request(target, front, key(target), stream=True, max_tokens=32)
    arrivals = []
    lines = []
    response = front.send(request, stream=True)
    for line in response.iter_lines():
        if line.startswith("data: "):
            arrivals.append(time.monotonic())
            lines.append(line)
    response.close()
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 16
    # 31 tokens at the published 7.51 ms each; a buffering proxy would send them in one piece.
    assert arrivals[-1] - arrivals[0] > 0.1


@pytest.mark.usefixtures("first")
def test_the_readmes_own_request_streams(target: Target, platform: Laptop, catalogue: tuple[Service, ...]) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (request,) = re.findall(r"^curl .*?\n```", readme, re.MULTILINE | re.DOTALL)
    headers = platform.state.root / "headers"
    write_headers(catalogue, target.platform, target.vault, headers)
    line = request.removesuffix("```").replace(".berth/local/headers", str(headers))
    line = line.replace(":8080", f":{target.platform.http_port}")
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.count("data: ") > 10
    assert done.stdout.strip().endswith("data: [DONE]")


@pytest.mark.usefixtures("first")
def test_each_key_opens_the_model_and_a_wrong_one_does_not(target: Target, front: httpx.Client) -> None:
    answers = [
        front.send(chat_request(target, front, bearer, max_tokens=1)).status_code
        for bearer in (key(target, OPERATOR_KEY), key(target, CHAT_KEY), "wrong")
    ]
    assert answers == [200, 200, 401]


@pytest.mark.usefixtures("first")
def test_a_changed_key_reaches_the_engines_that_run(
    target: Target, platform: Laptop, catalogue: tuple[Service, ...], front: httpx.Client
) -> None:
    before = target.consul.instances(LLAMA_4_SCOUT.name)
    path = f"default/{secret_path(SAMPLE_KEY, LLAMA_4_SCOUT)}"
    old = key(target, SAMPLE_KEY)
    target.vault.put_secret(path, {"value": "changed-for-a-test"}, after_version=target.vault.newest(path).version)
    platform.deploy(*catalogue, whole=True, deadline_s=None)
    assert target.consul.instances(LLAMA_4_SCOUT.name) == before
    bearers = ("changed-for-a-test", old, key(target, OPERATOR_KEY))
    answers = [front.send(chat_request(target, front, bearer, max_tokens=1)).status_code for bearer in bearers]
    assert answers == [200, 401, 200]


@pytest.mark.usefixtures("first")
def test_the_eight_gpus_are_shared_out_without_overlap(target: Target, platform: Laptop) -> None:
    given: list[str] = []
    for row in target.nomad.allocations(LLAMA_4_SCOUT.name).body:
        allocation = platform.nomad.get(f"/v1/allocation/{row['ID']}")
        for task in allocation["AllocatedResources"]["Tasks"].values():
            given += [device for group in task["Devices"] or () for device in group["DeviceIDs"]]
    assert len(given) == 8
    assert len(set(given)) == 8


@pytest.mark.usefixtures("first")
def test_a_host_that_nobody_has_is_no_ones_service(front: httpx.Client) -> None:
    answer = front.get("/", headers={"Host": "unheard.localhost"})
    assert answer.status_code == 404
    assert "no such host" in answer.text


@pytest.mark.usefixtures("first")
def test_no_secret_is_in_a_job_a_key_or_a_policy(target: Target, catalogue: tuple[Service, ...]) -> None:
    values = {
        value
        for service in catalogue
        for secret in service.secrets
        for value in target.vault.secret(f"default/{secret_path(secret, service)}").values()
    }
    seen = [json.dumps(target.nomad.job(service.name)) for service in catalogue]
    seen += [json.dumps(target.nomad.allocations(service.name).body) for service in catalogue]
    seen.append(json.dumps(target.consul.keys("")))
    assert len(values) > 5
    for value in values:
        for text in seen:
            assert json.dumps(value)[1:-1] not in text


@pytest.mark.usefixtures("first")
def test_a_job_cannot_borrow_another_services_role(target: Target, platform: Laptop) -> None:
    template = {
        "EmbeddedTmpl": '{{ with secret "secret/data/default/llama-4-scout/key-chat" }}{{ .Data.data.value }}{{ end }}',
        "DestPath": "secrets/stolen",
        "ChangeMode": "noop",
    }
    asks = {"Vault": {"Role": "berth-chat"}, "Templates": [template]}
    task = {**task_of(platform, "intruder", "sleep", "60"), **asks}
    group = {"Name": "intruder", "Tasks": [task], "RestartPolicy": {"Attempts": 0, "Mode": "fail"}}
    job = {"ID": "intruder", "Name": "intruder", "Type": "batch", "Datacenters": ["dc1"], "TaskGroups": [group]}
    platform.nomad.put("/v1/jobs", json={"Job": job})
    try:
        said = last_events(target, "intruder", "nomad_job_id")
        assert "does not match any associated bound claim values" in said
    finally:
        target.nomad.stop("intruder", purge=True)


def last_events(target: Target, job: str, until: str) -> str:
    """Task events of the job's newest allocation, once one of them holds `until`."""
    index = 0
    end = time.monotonic() + 30
    text = ""
    while time.monotonic() < end and until not in text:
        answer = target.nomad.allocations(job, index, 5)
        index = answer.index
        text = json.dumps(answer.body)
    return text
