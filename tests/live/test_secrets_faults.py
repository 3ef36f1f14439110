"""`berth secrets` where something fails on the way: what is done is said, nothing is lost, and the fix works."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest

from nomad_jobs.errors import BerthError, ChangedError, Exit
from scripts.ops.access.root import root
from scripts.ops.clients.api import Api
from scripts.ops.clients.vault import Vault
from scripts.ops.local.boot.unseal import unseal
from scripts.ops.local.sessions import session
from scripts.ops.local.setup.vault_keys import KEYS, unseal_keys
from scripts.ops.local.supervision import Supervisor
from scripts.ops.secrets.known import known
from scripts.ops.secrets.values import Values
from scripts.ops.secrets.writing import Writer
from scripts.ops.waiting import wait_until
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR, LAPTOP, ON_LAPTOP
from tests.support.secrets_command import Answer, Command, newest, serving
from tests.support.vault_proxy import losing

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets-faults")]

KEY = "bot-detector/api-key"
PATH = f"default/{KEY}"
DETECTOR = next(one for one in ON_LAPTOP if one.name == "bot-detector")
SECRET = known(ON_LAPTOP, LAPTOP)[KEY]


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    """A laptop of its own, whose Vault is killed and sealed, with a service that follows a secret."""
    with serving(FRONT_DOOR, DETECTOR) as booted:
        yield booted


@pytest.fixture
def as_root(served: Laptop) -> Iterator[Api]:
    with session("Vault", served.platform.vault_url) as vault, root(vault, unseal_keys(served.state)) as made:
        yield made


def said_by_instances(berth: Command) -> set[str]:
    """The column of `berth secrets list` that says what running instances have."""
    rows = [line for line in berth("list").out.splitlines() if line.startswith(KEY)]
    return {row[row.index("bot-detector", len(KEY)) :].split(maxsplit=1)[1].strip() for row in rows}


def follow(berth: Command, told: str) -> Answer:
    """Run the command that a message tells."""
    (command,) = re.findall(r"`berth secrets ([^`]*)` go", told)
    return berth(*shlex.split(command))


def kill_vault(served: Laptop) -> None:
    psutil.Process(Supervisor(served.state).processes()["vault"].pid).kill()


def unsealed(served: Laptop) -> None:
    assert unseal(served.platform.vault_url, served.state.keys / KEYS, deadline_s=20) == ""

    def missing() -> str | None:
        try:
            newest(served, KEY)
        except BerthError as error:
            return error.what
        return None

    wait_until(missing, where="Vault", what="active again", deadline_s=20)


def test_a_vault_that_restarts_on_the_way_is_waited_for_and_written_once(served: Laptop, berth: Command) -> None:
    before = newest(served, KEY)
    answer = berth("set", KEY, stdin="after-the-restart", meanwhile=lambda: kill_vault(served))
    assert answer.code == 0, answer.err
    assert served.target.vault.secret(PATH) == {"value": "after-the-restart"}
    assert newest(served, KEY) == before + 1


def test_a_vault_that_is_sealed_on_the_way_is_told_and_nothing_is_written(
    served: Laptop, berth: Command, as_root: Api
) -> None:
    before = newest(served, KEY)
    made = as_root.post("/v1/auth/token/create-orphan", json={"policies": ["root"]})["auth"]["client_token"]

    def seal() -> None:
        with session("Vault", served.platform.vault_url, made) as vault:
            vault.put("/v1/sys/seal")

    try:
        on_the_way = berth("set", KEY, stdin="a-value", meanwhile=seal)
        from_the_start = berth("set", KEY, stdin="a-value")
        listed = berth("list")
    finally:
        unsealed(served)
    for answer in (on_the_way, from_the_start, listed):
        assert answer.code == Exit.OTHER
        assert "Vault is sealed" in answer.err
        assert "`berth up` unseals it" in answer.err
    assert newest(served, KEY) == before


def test_an_answer_that_is_lost_is_looked_for_and_the_value_written_once(served: Laptop) -> None:
    before = newest(served, KEY)
    with losing(served.platform.vault_url, "PATCH") as url:
        vault = Vault(url, served.credentials.vault)
        writer = Writer.of(SECRET, served.platform, vault)
        assert writer.write(Values({"value": "written-once"})) == before + 1
        vault.close()
    assert served.target.vault.secret(PATH) == {"value": "written-once"}
    assert newest(served, KEY) == before + 1


def test_a_write_that_never_arrived_while_somebody_else_wrote_overwrites_nothing(served: Laptop) -> None:
    before = newest(served, KEY)

    def theirs() -> None:
        served.target.vault.put_secret(PATH, {"value": "theirs"}, after_version=before)

    with losing(served.platform.vault_url, "PATCH", instead=theirs) as url:
        vault = Vault(url, served.credentials.vault)
        writer = Writer.of(SECRET, served.platform, vault)
        with pytest.raises(ChangedError, match=f"wrote version {before + 1} .* nothing was overwritten"):
            writer.write(Values({"value": "mine"}))
        vault.close()
    assert served.target.vault.secret(PATH) == {"value": "theirs"}


def test_a_vault_token_that_ends_after_the_write_leaves_a_state_that_is_told(
    served: Laptop, berth: Command, as_root: Api
) -> None:
    assert berth("pin", KEY, str(newest(served, KEY))).code == 0
    pinned = newest(served, KEY)
    # It looks at the secret and writes; the third request, which would end the pin, is refused.
    body = {"policies": ["platform-operator"], "no_default_policy": True, "num_uses": 2}
    token = as_root.post("/v1/auth/token/create", json=body)["auth"]["client_token"]
    with berth.patch.context() as patch:
        patch.setattr("scripts.ops.stacks.credentials_of", lambda _: replace(served.credentials, vault=token))
        answer = berth("set", KEY, stdin="half-way")
    assert answer.code == Exit.PARTIAL
    told = " ".join(answer.err.split())
    assert f"version {pinned + 1} is in Vault, but deployments still use version {pinned}, which is pinned" in told
    assert "log in again" in told
    assert served.target.consul.key(f"berth/local/versions/{KEY}") == str(pinned), "running instances keep it"
    assert follow(berth, told).code == 0
    assert said_by_instances(berth) == {f"1 of v{pinned + 1}"}


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("consul", "its pin in Consul was not moved"),
        ("nomad", "its pin is moved, and whether each instance uses it was not seen"),
    ],
)
def test_a_token_that_ends_on_the_way_is_told_with_its_step_and_the_way_on(
    served: Laptop, berth: Command, ends: str, said: str
) -> None:
    before = newest(served, KEY)
    token, end = {"consul": consul_token, "nomad": nomad_token}[ends](served)
    with berth.patch.context() as patch:
        patch.setattr("scripts.ops.stacks.credentials_of", lambda _: replace(served.credentials, **{ends: token}))
        answer = berth("set", KEY, stdin=f"half-way-{ends}", meanwhile=end)
    assert answer.code == Exit.PARTIAL
    told = " ".join(answer.err.split())
    assert f"version {before + 1} is in Vault, but {said}" in told
    assert follow(berth, told).code == 0
    assert said_by_instances(berth) == {f"1 of v{before + 1}"}


def consul_token(served: Laptop) -> tuple[str, Callable[[], object]]:
    made = served.consul.put("/v1/acl/token", json={"Policies": [{"Name": "global-management"}]})
    return made["SecretID"], lambda: served.consul.delete(f"/v1/acl/token/{made['AccessorID']}")


def nomad_token(served: Laptop) -> tuple[str, Callable[[], object]]:
    made = served.nomad.put("/v1/acl/token", json={"Type": "management"})
    return made["SecretID"], lambda: served.nomad.delete(f"/v1/acl/token/{made['AccessorID']}")


def test_no_error_shows_a_value_with_its_traceback_either(served: Laptop, berth: Command) -> None:
    token, end = consul_token(served)
    before = newest(served, KEY)
    theirs = {"value": "theirs"}
    changed = berth(
        "set",
        KEY,
        stdin="canary-0123456789",
        meanwhile=lambda: served.target.vault.put_secret(PATH, theirs, after_version=before),
        debug=True,
    )
    with berth.patch.context() as patch:
        patch.setattr("scripts.ops.stacks.credentials_of", lambda _: replace(served.credentials, consul=token))
        partly = berth("set", KEY, stdin="canary-0123456789", meanwhile=end, debug=True)
    refused = berth("set", KEY, "--from-json", stdin='{"value": "canary-0123456789", "x"}', debug=True)
    answers = (changed, partly, refused)
    assert [one.code for one in answers] == [Exit.CHANGES, Exit.PARTIAL, Exit.CONFIG]
    assert ["Traceback" in one.err for one in answers] == [True, True, True]
    assert ["canary-0123456789" in one.out + one.err for one in answers] == [False, False, False]
    assert berth("pin", KEY, "newest").code == 0


def test_an_instance_that_does_not_take_it_up_is_named_and_the_way_back_works(served: Laptop, berth: Command) -> None:
    before = newest(served, KEY)
    assert berth("pin", KEY, "newest").code == 0
    (allocation,) = served.target.consul.instances(DETECTOR.name).values()
    stopped = [one for one in served.task_processes() if is_task_of(one, allocation)]
    assert stopped
    for process in stopped:
        process.suspend()
    try:
        answer = berth("set", KEY, "--deadline-s", "2", stdin="never-taken-up")
    finally:
        for process in stopped:
            process.resume()
    assert answer.code == Exit.DEADLINE
    told = " ".join(answer.err.split())
    assert f"instance {allocation[:8]} of bot-detector on" in told
    assert f"has version {before}" in told
    assert follow(berth, told).code == 0
    assert said_by_instances(berth) == {f"1 of v{before}"}
    assert berth("pin", KEY, "newest").code == 0


def is_task_of(process: psutil.Process, allocation: str) -> bool:
    with suppress(psutil.Error):
        return "nomad_jobs.apps" in " ".join(process.cmdline()) and allocation in str(process.environ())
    return False
