"""Each instance tells which versions of its secrets it uses, once it has taken them up; no value is told."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from nomad_jobs.keys import pin_key
from nomad_jobs.model import Env, Secret, Service, json_file
from nomad_jobs.resolve import resolve
from nomad_jobs.services.bot_detector import BOT_DETECTOR
from scripts.ops.clients.target import Target
from scripts.ops.local.setup.seed import seed
from scripts.ops.secrets.running import running
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

_DEADLINE_S = 10
KEY, SAMPLE_KEY = BOT_DETECTOR.followed_secrets
API_KEY = "bot-detector/api-key"
TLS = "ingress/tls"
NAME = "test-versions"


@pytest.fixture(scope="module")
def detector(target: Target, platform: Laptop) -> Iterator[Service]:
    """The bot detector in two instances, which read their keys again when they change."""
    (there,) = resolve([BOT_DETECTOR], "local", target.platform.driver).services
    service = replace(there, size=replace(there.size, instances=2))
    seed([FRONT_DOOR, service], target.platform, target.vault, platform.state.keys)
    platform.deploy(FRONT_DOOR, service)
    yield service
    target.nomad.stop(service.name, purge=True)


def put(target: Target, path: str, **values: object) -> int:
    full = f"default/{path}"
    return target.vault.put_secret(full, values, after_version=target.vault.newest(full).version)


def pin(target: Target, service: Service, secret: Secret, version: int) -> None:
    target.consul.put_key(pin_key(secret, service, target.platform), str(version))


def told(target: Target, service: Service) -> list[dict[str, int]]:
    return [dict(one.versions) for one in running([service], target.nomad)]


def await_told(target: Target, service: Service, path: str, version: int) -> None:
    def missing() -> str | None:
        found = told(target, service)
        return None if found and all(one.get(path) == version for one in found) else str(found)

    wait_until(missing, where=service.name, what=f"version {version} of {path} in use", deadline_s=_DEADLINE_S)


def accepts(target: Target, service: Service, key: str) -> bool:
    """Ask every instance itself, not through the front door."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {"email": "a@b.example", "name": "a"}
    answers = [
        httpx.post(f"http://{address}/predict", json=body, headers=headers, trust_env=False).status_code
        for address in target.consul.instances(service.name)
    ]
    assert len(answers) == service.size.instances
    assert set(answers) in ({200}, {401}), "the instances agree, and answer"
    return answers[0] == httpx.codes.OK


def test_an_instance_tells_what_it_was_deployed_with(target: Target, detector: Service) -> None:
    wanted = {path: target.vault.newest(f"default/{path}").version for path in (API_KEY, "bot-detector/sample-key")}
    assert told(target, detector) == [wanted, wanted]


def test_a_version_is_told_once_its_key_opens_and_again_after_the_way_back(target: Target, detector: Service) -> None:
    first = put(target, API_KEY, value="the-first-key")
    second = put(target, API_KEY, value="the-second-key")
    for version, key, other in (
        (first, "the-first-key", "the-second-key"),
        (second, "the-second-key", "the-first-key"),
        (first, "the-first-key", "the-second-key"),
    ):
        pin(target, detector, KEY, version)
        await_told(target, detector, API_KEY, version)
        assert accepts(target, detector, key)
        assert not accepts(target, detector, other)


def test_a_value_that_the_process_refuses_is_not_told(target: Target, detector: Service) -> None:
    good = put(target, API_KEY, value="a-good-key")
    pin(target, detector, KEY, good)
    await_told(target, detector, API_KEY, good)
    bad = put(target, API_KEY, value="")
    pin(target, detector, KEY, bad)

    def missing() -> str | None:
        rows = [one.allocation for one in running([detector], target.nomad)]
        logs = [target.nomad.log_tail(one, detector.name, "stdout") for one in rows]
        return None if all("reload-failed" in log for log in logs) else "nothing logged"

    wait_until(missing, where=detector.name, what="the refusal in every log", deadline_s=_DEADLINE_S)
    assert [one[API_KEY] for one in told(target, detector)] == [good, good]
    assert accepts(target, detector, "a-good-key")
    better = put(target, API_KEY, value="a-better-key")
    pin(target, detector, KEY, better)
    await_told(target, detector, API_KEY, better)


def test_the_front_door_tells_the_certificate_that_it_serves(target: Target, detector: Service) -> None:
    del detector
    (tls,) = FRONT_DOOR.followed_secrets
    served = target.vault.newest(f"default/{TLS}").version
    assert told(target, FRONT_DOOR) == [{TLS: served}]
    good = target.vault.secret(f"default/{TLS}")
    again = put(target, TLS, **good)
    pin(target, FRONT_DOOR, tls, again)
    await_told(target, FRONT_DOOR, TLS, again)
    pin(target, FRONT_DOOR, tls, put(target, TLS, certificate="none", private_key="none"))

    def missing() -> str | None:
        (one,) = running([FRONT_DOOR], target.nomad)
        refused = target.nomad.file(one.allocation, "ingress/local/refused.txt")
        return None if "tls.pem" in refused or "certificate" in refused else f"refused.txt: {refused!r}"

    wait_until(missing, where="NGINX", what="a word on the certificate that it refuses", deadline_s=_DEADLINE_S)
    assert told(target, FRONT_DOOR) == [{TLS: again}]
    put_back = put(target, TLS, **good)
    target.vault.mark(f"default/{TLS}", {"made_by": "berth", "version": str(put_back)})  # so other tests may renew it
    pin(target, FRONT_DOOR, tls, put_back)


def deep(told: Path) -> None:
    told.write_text("[" * 200_000)


def sparse(told: Path) -> None:
    with told.open("wb") as written:
        written.truncate(3 << 30)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (deep, "does not say which version it has"),
        (lambda told: told.write_bytes(b"\xff\xfe{"), "does not say which version it has"),
        (lambda told: told.write_text(f'{{"{API_KEY}": {"9" * 4000}}}'), "does not say which version it has"),
        (lambda told: told.write_text(f'{{"{API_KEY}": -1}}'), "does not say which version it has"),
        (sparse, "is no file of at most 1024 KiB"),
        (Path.mkdir, "is no file of at most 1024 KiB"),
        (os.mkfifo, "no answer in time"),
        (lambda told: told.symlink_to("/etc/passwd"), "escapes the alloc directory"),
    ],
)
def test_whatever_a_task_writes_for_its_versions_the_others_are_seen(
    target: Target, platform: Laptop, detector: Service, write: Callable[[Path], object], said: str
) -> None:
    one, other = running([detector], target.nomad)
    (told_at,) = {file.told_at for file in detector.files if file.follows}
    (file,) = platform.state.root.glob(f"*/alloc/{one.allocation}/{detector.name}/{told_at}")
    kept = file.rename(file.with_suffix(".kept"))
    try:
        write(file)
        found = {it.allocation: it for it in running([detector], target.nomad)}
    finally:
        file.rmdir() if file.is_dir() else file.unlink()
        kept.rename(file)
    assert said in found[one.allocation].has(API_KEY)
    assert found[other.allocation] == other


def test_what_a_process_reads_once_is_told_and_what_it_never_tells_is_missing(
    target: Target, platform: Laptop, detector: Service
) -> None:
    """A variable's version stands in the job; a file that the process may read again is told by the process alone."""
    del detector
    for name in ("once", "silent"):
        put(target, f"{NAME}/{name}", value="a-value")
    service = web(
        NAME,
        env=(Env(name="ONCE", value=Secret(name="once")["value"]),),
        files=(json_file("secrets/silent.json", {"it": Secret(name="silent")["value"]}, is_reread=True),),
    )
    try:
        platform.deploy(service)
        assert told(target, service) == [{f"{NAME}/once": 1}]
        put(target, f"{NAME}/once", value="another-value")
        assert told(target, service) == [{f"{NAME}/once": 1}]
        platform.deploy(service)
        assert told(target, service) == [{f"{NAME}/once": 2}]
    finally:
        target.nomad.stop(NAME, purge=True)
