"""The Go build: what Go is told, what is said when it fails, and that the pins agree with the program table."""

import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, gotool, order
from scripts.ops.toolchain.programs import PROGRAMS, Program
from scripts.ops.waiting import wait_until
from tests.support.publisher import NAME, MakeProgram, Publisher, start

# A Go of shell builtins: it builds a script that prints the version it was asked for.
GO = """
export -p > {notes}/env; echo "$PWD $@" >> {notes}/calls
case "$1 $2" in
  "env GOVERSION") echo go1.{minor}.1; echo {toolchain}; echo {has_c} ;;
  "list -deps") echo true one; echo false two; {fetch} ;;
  "list -m") echo {notes} ;;
  "build "*)
    while [ "$1" != -o ]; do shift; done
    {build}
    printf '#!/bin/sh\\necho tool v1.2.3\\n' > "$2" ;;
esac
"""


@pytest.fixture
def no_release(publisher: Publisher) -> None:
    publisher.files.clear()


def fake_go(
    on_path: MakeProgram,
    notes: Path,
    *,
    minor: int = 26,
    build: str = "",
    fetch: str = "",
    toolchain: str = "auto",
    has_c: int = 1,
) -> None:
    on_path("go", GO.format(notes=notes, minor=minor, build=build, fetch=fetch, toolchain=toolchain, has_c=has_c))


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


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize(
    ("build", "reason"),
    [
        ("echo a/package >&2; echo 'x.go:1: undefined: y' >&2; echo b/package >&2; exit 1", "x.go:1: undefined: y"),
        ("exit 3", "Go ended with 3"),
        ("kill -9 $$", "memory ran out, or it took longer than 30 minutes"),
        ("echo 'a/b: compile: signal: killed' >&2; exit 1", "memory ran out, .* add swap, or set GOMAXPROCS=1"),
        ("exit 0 2>&1; :", "it made no file tool"),
        ("printf '#!/bin/sh\\necho v1.2.4' > \"$2\"; exit 0", "it reports version 1.2.4 instead of 1.2.3"),
    ],
)
def test_a_failed_build_says_why(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, build: str, reason: str
) -> None:
    fake_go(on_path, tmp_path, build=build)
    with pytest.raises(ConfigError, match=f"Go build: {reason}"):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_disk_that_fills_up_while_building_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, build="echo 'write /tmp/x: no space left on device' >&2; exit 1")
    with pytest.raises(BerthError, match=r"^tool 1\.2\.3: the disk is full under /tmp/x — "):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_go_that_is_too_old_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, minor=19)
    with pytest.raises(ConfigError, match=r"Go build: Go 1\.19 is older than 1\.21\)"):
        order.install([NAME], progress)


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
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interrupt_no_go_runs_and_the_next_run_installs(
    publisher: Publisher, progress: Progress, on_path: MakeProgram, tmp_path: Path, stop: signal.Signals
) -> None:
    fake_go(on_path, tmp_path, build=f"echo $$ > {tmp_path}/building; exec /bin/sleep 300")
    with start(publisher) as berth:
        wait_until(
            lambda: None if (tmp_path / "building").exists() else "not there",
            where="the build", what="its beginning", deadline_s=20,
        )  # fmt: skip
        go = psutil.Process(int((tmp_path / "building").read_text()))
        berth.send_signal(stop)
        assert berth.wait(20) != 0
    assert not go.is_running()
    assert list(cache.home(PROGRAMS[NAME]).parent.iterdir()) == []
    fake_go(on_path, tmp_path)
    assert order.install([NAME], progress)[NAME].exists()


@pytest.mark.usefixtures("no_release")
def test_a_source_with_another_checksum_is_refused_with_both(
    progress: Progress, on_path: MakeProgram, tmp_path: Path
) -> None:
    said = "verifying a/b@v1: checksum mismatch|\tdownloaded: h1:x=|\tgo.sum:     h1:y=||SECURITY ERROR|see go help"
    fake_go(on_path, tmp_path, fetch=f"echo '{said}' | /usr/bin/tr '|' '\\n' >&2; exit 1")
    told = r"^tool 1\.2\.3: wrong checksum of a source, refused: verifying a/b@v1.*downloaded: h1:x=; go.sum:     h1:y="
    with pytest.raises(BerthError, match=told) as caught:
        order.install([NAME], progress)
    assert "Go 1.21" not in str(caught.value)


@pytest.mark.usefixtures("no_release")
def test_a_go_that_may_not_fetch_the_one_it_needs_is_named(
    progress: Progress, on_path: MakeProgram, tmp_path: Path
) -> None:
    fake_go(on_path, tmp_path, minor=24, toolchain="local")
    told = (
        r"Go 1\.24 is older than 1\.\d+, and GOTOOLCHAIN=local forbids to fetch that\) — unset GOTOOLCHAIN, or install"
    )
    with pytest.raises(ConfigError, match=told):
        order.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_program_that_needs_c_is_not_begun_without_a_c_compiler(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nomad's build would fail at its last package, with the name of a function."""
    assert PROGRAMS["nomad"].needs_c
    monkeypatch.setitem(PROGRAMS, NAME, replace(PROGRAMS[NAME], needs_c=True))
    fake_go(on_path, tmp_path, has_c=0)
    with pytest.raises(ConfigError, match=r"it needs a C compiler beside Go\) — install gcc and .* \(libc6-dev\)"):
        order.install([NAME], progress)
    assert "list" not in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize("body", ["exec /nowhere", "printf '\\377\\376'", "exit 1"])
def test_a_go_that_does_not_work_is_named(progress: Progress, on_path: MakeProgram, body: str) -> None:
    go = on_path("go", body)
    with pytest.raises(ConfigError, match=rf"Go build: {go} does not say its version"):
        order.install([NAME], progress)
    go.write_bytes(b"\x7fELF no program")
    with pytest.raises(ConfigError, match=rf"Go build: {go} cannot be run \(.*Exec format error"):
        order.install([NAME], progress)


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
