"""A composed value reaches a task as it is described, whatever is in its fields."""

import json
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nomad_jobs.model import Env, File, Secret, composed, json_file
from scripts.ops.clients.target import Target
from tests.live.test_arbitrary_text import TEXT
from tests.support.laptop import Laptop
from tests.support.postgres import Postgres, postgres
from tests.support.services import web

pytestmark = [pytest.mark.live, pytest.mark.both_drivers, pytest.mark.xdist_group("front-door")]

NAME = "test-composed"
PATH = f"default/{NAME}/db"
AWKWARD = ["/@:%+ é\"\\'{}$#?&=;,[]<>", "a+b c%20d", "postgres://x@y", "%", " ", "ünï\u2028", "line\nline", "}}{{"]


@pytest.fixture(autouse=True)
def _clean(target: Target, platform: Laptop) -> Iterator[None]:
    yield
    target.nomad.stop(NAME, purge=True)
    platform.vault.delete(f"/v1/secret/metadata/{PATH}")


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def received(texts: list[str], target: Target, platform: Laptop) -> tuple[list[str], list[str], list[str]]:
    """Give each text to a task, encoded within a URL; read it from variables, from JSON, and raw from a plain file."""
    names = [f"f{at}" for at in range(len(texts))]
    version = target.vault.newest(PATH).version
    target.vault.put_secret(PATH, dict(zip(names, texts, strict=True)), after_version=version)
    secret = Secret(name="db", fields=tuple(names))
    urls = [composed("x://{u}@h/${NOMAD_JOB_ID}", u=secret[name]) for name in names]
    mixed = [composed('say "{u}"', u=secret[name].raw) for name in names]
    service = web(
        NAME,
        setup="env -0 > local/env",
        route=None,
        env=tuple(Env(name=f"V{at}", value=url) for at, url in enumerate(urls)),
        files=(
            json_file("secrets/urls.json", urls),
            json_file("secrets/mixed.json", mixed),
            *(File(path=f"secrets/plain{at}", parts=(one.raw,)) for at, one in enumerate(mixed)),
        ),
    )
    platform.deploy(service)
    folder = platform.task_folder(NAME)
    lines = (folder / "local" / "env").read_text().split("\0")
    env = dict(line.partition("=")[::2] for line in lines if line)
    in_json = json.loads((folder / "secrets" / "urls.json").read_text())
    assert [env[f"V{at}"] for at in range(len(texts))] == in_json
    plain = [(folder / "secrets" / f"plain{at}").read_bytes().decode() for at in range(len(texts))]
    return in_json, json.loads((folder / "secrets" / "mixed.json").read_text()), plain


def test_any_text_comes_back_from_a_url_and_a_raw_one_as_it_is(target: Target, platform: Laptop) -> None:
    @settings(max_examples=2, deadline=None, phases=[Phase.generate])
    @given(texts=st.lists(TEXT, min_size=10, max_size=20))
    def comes_back(texts: list[str]) -> None:
        all_of_them = [*AWKWARD, *texts]
        urls, mixed, plain = received(all_of_them, target, platform)
        assert [unquote(url.removeprefix("x://").removesuffix(f"@h/{NAME}")) for url in urls] == all_of_them
        assert mixed == plain == [f'say "{text}"' for text in all_of_them]
        assert all(url.isascii() and not set(' "<>\\') & set(url) for url in urls)

    comes_back()  # its own function, so that what fails is shown without the platform's tokens


def test_postgresql_accepts_a_url_whose_password_has_every_awkward_letter(
    target: Target, platform: Laptop, database: Postgres
) -> None:
    passwords = [text for text in AWKWARD if "\n" not in text]
    for at, password in enumerate(passwords):
        quoted = password.replace("'", "''")
        made = database.ask(f"create role \"a/@ {at}\" login password '{quoted}'")
        assert made == "CREATE ROLE"
    urls, _, _ = received(passwords, target, platform)
    for at, url in enumerate(urls):
        password = url.removeprefix("x://").removesuffix(f"@h/{NAME}")
        there = f"postgresql://a%2F%40%20{at}:{password}@127.0.0.1:{database.port}/postgres"
        assert database.connected(there) == f"a/@ {at}"
