"""The Go build: what Go is told, and that the pins agree with the program table."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, gotool, order
from scripts.ops.toolchain.programs import PROGRAMS, Program
from tests.support.fake_go import fake_go
from tests.support.publisher import NAME, MakeProgram


@pytest.mark.usefixtures("no_release")
def test_without_a_release_the_pinned_module_is_built(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path)
    path = order.install([NAME], progress)[NAME]
    assert order.resolve(NAME) == path
    call = (tmp_path / "calls").read_text().splitlines()[-1]
    assert call.startswith(f"{gotool.MODULES}/nomad build -v -trimpath -gcflags=all=-dwarf=false ")
    assert "-gcflags=github.com/aws/aws-sdk-go-v2/service/...=-dwarf=false -l " in call
    assert " -ldflags -s -w -o " in call
    assert call.endswith("/tool example.invalid/tool")


@pytest.mark.usefixtures("no_release")
def test_go_hears_of_proxies_and_certificates_and_of_nothing_else(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"GOPROXY": "off", "https_proxy": "http://127.0.0.1:1", "SSL_CERT_FILE": "/dev/null"}
    dropped = {"AWS_CA_BUNDLE": "x", "VAULT_TOKEN": "x", "GOOS": "plan9", "GOWORK": "x", "CGO_ENABLED": "0"}
    for name, value in (kept | dropped | {"GOFLAGS": "-mod=vendor"}).items():
        monkeypatch.setenv(name, value)
    fake_go(on_path, tmp_path)
    order.install([NAME], progress)
    words = (line.removeprefix("export ").partition("=") for line in (tmp_path / "env").read_text().splitlines())
    env = {name: value.strip("'\"") for name, _, value in words}
    assert env.items() >= (kept | {"GOFLAGS": "-buildvcs=false", "GOWORK": "off"}).items()
    assert not env.keys() & (dropped.keys() - {"GOWORK", "GOOS"})
    assert env["GOOS"] == cache.machine()[0]


def test_the_scripts_of_the_language_host_lie_beside_it(
    progress: Progress,
    on_path: MakeProgram,
    tmp_path: Path,
) -> None:
    host = PROGRAMS["pulumi-language-python"]
    for script in host.scripts:
        (tmp_path / script).parent.mkdir(parents=True)
        (tmp_path / script).write_text("#!/bin/sh\n")
    fake_go(on_path, tmp_path)
    path = order.install([host.name], progress)[host.name]
    assert {file.name for file in path.parent.iterdir()} == {host.name, *host.companions}
    assert all(file.stat().st_mode & 0o111 for file in cache.bin_dir().iterdir())
    assert f"-X {host.version_variable}=v3.76.0 " in (tmp_path / "calls").read_text()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_the_module_pins_the_version_of_the_table(program: Program) -> None:
    folder = gotool.MODULES / program.module
    pins = dict(line.split()[-3:-1] for line in _required(folder / "go.mod"))
    module = max((name for name in pins if program.package.startswith(name)), key=len)
    assert pins[module] == f"v{program.version}"
    assert f"{module} v{program.version} h1:" in (folder / "go.sum").read_text()
    assert program.package in (folder / "go.mod").read_text()


@pytest.mark.parametrize("folder", sorted(gotool.MODULES.glob("*/")), ids=lambda folder: folder.name)
def test_a_pinned_module_replaces_only_by_public_modules(folder: Path) -> None:
    lines = (folder / "go.mod").read_text().splitlines()
    assert lines[0] == f"module berth.invalid/toolchain/{folder.name}"
    targets = [line.split("=>")[1].split() for line in lines if "=>" in line]
    assert all(len(target) == 2 and target[0].startswith("github.com/") for target in targets)


def _required(go_mod: Path) -> list[str]:
    lines = [line.partition("//")[0] + "//" for line in go_mod.read_text().splitlines()]
    return [f"{line[:-2]} //" for line in lines if " v" in line and "=>" not in line]


@pytest.mark.usefixtures("no_release")
def test_the_next_program_is_fetched_while_one_is_built(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first build ends only when the sources of the second are there."""
    monkeypatch.setitem(PROGRAMS, "next", replace(PROGRAMS[NAME], name="next", package="example.invalid/next"))
    awaited = f"for _ in $(/usr/bin/seq 200); do grep -q 'list.*/next' {tmp_path}/calls && break; /bin/sleep 0.1; done"
    fake_go(on_path, tmp_path, build=f"case $* in */tool) {awaited}; grep 'list.*/next' {tmp_path}/calls >&2 ;; esac")
    on_path("grep", 'exec /usr/bin/grep "$@"')
    installed = order.install([NAME, "next"], progress)
    calls = [line.split()[1:] for line in (tmp_path / "calls").read_text().splitlines()]
    work = [(call[0], call[-1].rsplit("/", 1)[-1]) for call in calls if call[0] != "env"]
    assert work == [("list", "tool"), ("build", "tool"), ("list", "next"), ("build", "next")]
    assert set(installed) == {NAME, "next"}


@pytest.mark.usefixtures("no_release")
def test_two_programs_with_the_same_file_do_not_take_each_others_place(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Vault's two builds: what lies in the folder for PATH is the one named like its file."""
    small = replace(PROGRAMS[NAME], name="tool-small", command=NAME, tags=("small",))
    monkeypatch.setitem(PROGRAMS, small.name, small)
    fake_go(on_path, tmp_path)
    for names in ([small.name], [NAME, small.name]):
        paths = order.install(names, progress)
        assert (cache.bin_dir() / NAME).readlink() == paths[names[0]]
    assert order.resolve(small.name) != order.resolve(NAME)
    assert " -tags small " in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("no_release")
def test_go_builds_beside_the_cache_and_for_this_machine(
    progress: Progress, on_path: MakeProgram, tmp_path: Path
) -> None:
    """The folder for temporary files may be small, and `go env -w GOARCH=arm64` may have been said long ago."""
    fake_go(on_path, tmp_path, build=f'echo "$GOTMPDIR $GOOS $GOARCH" > {tmp_path}/where')
    path = order.install([NAME], progress)[NAME]
    folder, *machine = (tmp_path / "where").read_text().split()
    assert Path(folder).parent == path.parent.parent
    assert not Path(folder).exists()
    assert tuple(machine) == cache.machine()
