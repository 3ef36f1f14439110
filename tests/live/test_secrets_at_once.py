"""`berth secrets` while somebody else changes the same secret: all end with one version, and who lost is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from nomad_jobs.errors import ChangedError, Exit
from nomad_jobs.keys import pin_key
from scripts.ops.access.differences import differences
from scripts.ops.clients.vault import SecretVersion, Vault
from scripts.ops.deploy.entries import Entries
from scripts.ops.progress import Progress
from scripts.ops.secrets.following import Following
from scripts.ops.secrets.known import known
from scripts.ops.secrets.moving import move
from scripts.ops.secrets.running import running
from tests.support.laptop import Laptop
from tests.support.platforms import FRONT_DOOR, LAPTOP, ON_LAPTOP
from tests.support.secrets_command import Command, newest, serving

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("secrets-at-once")]

KEY = "bot-detector/api-key"
PATH = f"default/{KEY}"
DETECTOR = next(one for one in ON_LAPTOP if one.name == "bot-detector")
SECRET = known(ON_LAPTOP, LAPTOP)[KEY]


@pytest.fixture(scope="module")
def served() -> Iterator[Laptop]:
    """A laptop of its own, with a service that follows a secret."""
    with serving(FRONT_DOOR, DETECTOR) as booted:
        yield booted


def everywhere(served: Laptop) -> set[int]:
    """The version in Vault, in Consul and in the instances: one, where all is well."""
    (secret,) = (one for one in DETECTOR.followed_secrets if one.name == "api-key")
    pinned = served.target.consul.key(pin_key(secret, DETECTOR, served.platform))
    told = {one.versions[KEY] for one in running([DETECTOR], served.target.nomad)}
    return {served.target.vault.in_use(PATH).version, int(pinned or 0)} | told


def test_a_pin_while_a_value_is_asked_for_stays_and_is_told(served: Laptop, berth: Command) -> None:
    first = newest(served, KEY)
    berth("set", KEY, stdin="the-second")
    answer = berth("set", KEY, stdin="the-third", meanwhile=lambda: served.target.vault.pin(PATH, first))
    assert answer.code == Exit.CHANGES
    assert (
        f"version {first + 2} is in Vault, but somebody set or pinned version {first}, and that is in use" in answer.err
    )
    assert f"`berth secrets pin {KEY} newest local` goes on" in answer.err
    assert berth("pin", KEY, str(first)).code == 0
    assert everywhere(served) == {first}
    assert berth("pin", KEY, "newest").code == 0
    assert everywhere(served) == {first + 2}


def test_of_two_values_at_once_the_later_one_stays_and_the_earlier_is_told(served: Laptop, berth: Command) -> None:
    mine = served.target.vault.put_secret(PATH, {"value": "mine"}, after_version=newest(served, KEY))
    assert berth("set", KEY, stdin="their-value").code == 0
    following = Following(
        secret=SECRET, version=mine, target=served.target, progress=Progress(), deadline_s=5, again="this"
    )
    with pytest.raises(ChangedError, match=f"somebody set or pinned version {mine + 1}"):
        following.bring()
    assert everywhere(served) == {mine + 1}


def test_a_pin_that_moves_between_a_look_and_a_write_is_looked_at_again(served: Laptop, berth: Command) -> None:
    looks: list[int] = []

    class Late(Vault):
        """Answers what was so before somebody else's value."""

        def in_use(self, path: str) -> SecretVersion:
            found = super().in_use(path)
            looks.append(found.version)
            if len(looks) == 1:
                assert berth("set", KEY, stdin="their-value").code == 0
            return found

    mine = served.target.vault.put_secret(PATH, {"value": "mine"}, after_version=newest(served, KEY))
    vault = Late(served.platform.vault_url, served.credentials.vault)
    try:
        _, version = move(KEY, SECRET.pin, served.platform, vault, served.target.consul)
    finally:
        vault.close()
    assert (version, looks) == (mine + 1, [mine, mine + 1])
    assert everywhere(served) == {mine + 1}


def test_a_value_that_comes_while_a_deployment_runs_stays(
    served: Laptop, berth: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_somebody_sets(*args: Any, **options: Any) -> object:
        assert berth("set", KEY, stdin="meanwhile").code == 0
        return differences(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("scripts.ops.deploy.run.differences", then_somebody_sets)
        served.deploy(DETECTOR)
    assert served.target.vault.secret(PATH) == {"value": "meanwhile"}
    assert everywhere(served) == {newest(served, KEY)}


def test_what_others_wrote_meanwhile_is_not_put_back(served: Laptop) -> None:
    consul = served.target.consul
    entries = Entries(consul)
    for name in ("theirs", "ours"):
        consul.put_key(f"test/{name}", "before")
        entries.put(f"test/{name}", "between")
        entries.put(f"test/{name}", "after")
    consul.put_key("test/theirs", "their own")
    entries.put_back()
    assert consul.keys("test/") == {"test/theirs": "their own", "test/ours": "before"}
