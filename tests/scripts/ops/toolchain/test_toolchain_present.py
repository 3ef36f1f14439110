"""Programs that are already here: which one on PATH is good enough, and what is said about the others."""

import re
from pathlib import Path

import pytest

from nomad_jobs.errors import ConfigError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, order
from scripts.ops.toolchain.programs import PROGRAMS
from tests.support.publisher import NAME, MakeProgram, Publisher

pytestmark = pytest.mark.usefixtures("publisher")


@pytest.mark.parametrize("says", ["tool v1.2.0", "tool v1.9.1 (abc)", "v1.2.3", "tool 1.3.0-beta.1, built today"])
def test_a_good_version_on_path_wins_over_everything(
    publisher: Publisher, progress: Progress, on_path: MakeProgram, says: str
) -> None:
    path = on_path(NAME, f"echo '{says}'")
    assert order.install([NAME], progress) == {NAME: path}
    assert (cache.bin_dir() / NAME).readlink() == path
    assert not publisher.asked


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("echo tool v1.1.9", "is 1.1.9, older than 1.2.0"),
        ("echo tool v2.0.0", "is 2.0.0, newer than Berth knows"),
        ("echo tool v1.2.3+ent", "is 1.2.3+ent, which needs a licence"),
        ("echo hello", "does not say its version"),
        ("kill -9 $$", "does not say its version"),
    ],
)
def test_another_version_on_path_is_not_used_and_named(on_path: MakeProgram, body: str, fault: str) -> None:
    path = on_path(NAME, body)
    told = re.escape(f"tool 1.2.3: not installed (PATH: {path} {fault}; cache: not there)")
    with pytest.raises(ConfigError, match=f"^{told} — run `berth tools install tool`$"):
        order.resolve(NAME)


def test_a_version_that_is_too_old_is_skipped_for_a_good_one_behind_it(
    on_path: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, good = on_path(NAME, "echo v0.9.0", "old"), on_path(NAME, "echo v1.2.9", "good")
    monkeypatch.setenv("PATH", f"{old.parent}:/no/such/folder:{good.parent}")
    assert order.resolve(NAME) == good


def test_a_version_that_is_too_old_is_skipped_for_the_release(
    progress: Progress, on_path: MakeProgram, cache_dir: Path
) -> None:
    on_path(NAME, "echo v0.9.0")
    assert order.install([NAME], progress)[NAME].is_relative_to(cache_dir)


def test_a_program_that_was_replaced_is_asked_again(on_path: MakeProgram) -> None:
    on_path(NAME, "echo v0.9.0")
    with pytest.raises(ConfigError):
        order.resolve(NAME)
    path = on_path(NAME, "echo it is v1.2.9")
    assert order.resolve(NAME) == path


def test_our_own_links_on_path_are_no_finding(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = order.install([NAME], progress)[NAME]
    monkeypatch.setenv("PATH", str(cache.bin_dir()))
    assert order.resolve(NAME) == installed


def test_the_language_host_is_taken_from_beside_a_good_pulumi(
    progress: Progress,
    on_path: MakeProgram,
) -> None:
    names = ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-analyzer-policy-python")
    on_path("pulumi", "echo v3.272.0")
    host, *_ = [on_path(name, "echo") for name in names]
    assert order.install(["pulumi-language-python"], progress) == {names[0]: host}
    assert {link.name for link in cache.bin_dir().iterdir()} == set(names)


def test_a_language_host_that_is_not_pulumis_own_is_not_taken(on_path: MakeProgram) -> None:
    pulumi = on_path("pulumi", "echo v3.272.0")
    on_path("pulumi-language-python", "echo", "elsewhere")
    with pytest.raises(ConfigError, match=rf"PATH: not beside {pulumi}"):
        order.resolve("pulumi-language-python")


def test_a_program_that_cannot_tell_its_version_is_not_taken_from_path(on_path: MakeProgram) -> None:
    on_path("example-fs-device", "echo")
    with pytest.raises(ConfigError, match="PATH: cannot be told apart by version"):
        order.resolve("example-fs-device")


def test_an_unknown_program_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^nomat: Berth knows no such program — `berth tools list`"):
        order.resolve("nomat")


def test_the_device_plugin_is_called_what_nomad_looks_for() -> None:
    assert PROGRAMS["example-fs-device"].module == PROGRAMS["nomad"].module
