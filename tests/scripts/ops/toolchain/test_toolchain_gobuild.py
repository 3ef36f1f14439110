"""The Go build: what Go is told, what is said when it fails, and that the pins agree with the program table."""

from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops import toolchain
from scripts.ops.progress import Progress
from scripts.ops.toolchain import gobuild
from scripts.ops.toolchain.programs import PROGRAMS, Program
from tests.support.publisher import NAME, MakeProgram, Publisher

# A Go of shell builtins: it builds a script that prints the version it was asked for.
GO = """
export -p > {notes}/env; echo "$PWD $@" >> {notes}/calls
case "$1 $2" in
  "version "*) echo "go version go1.{minor}.1 linux/amd64" ;;
  "list -deps") echo one; echo two ;;
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


def fake_go(on_path: MakeProgram, notes: Path, *, minor: int = 26, build: str = "") -> None:
    on_path("go", GO.format(notes=notes, minor=minor, build=build))


@pytest.mark.usefixtures("no_release")
def test_without_a_release_the_pinned_module_is_built(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path)
    path = toolchain.install([NAME], progress)[NAME]
    assert toolchain.resolve(NAME) == path
    call = (tmp_path / "calls").read_text().splitlines()[-1]
    assert call.startswith(f"{gobuild.MODULES}/nomad build -v -trimpath -ldflags -s -w -o ")
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
    toolchain.install([NAME], progress)
    words = (line.removeprefix("export ").partition("=") for line in (tmp_path / "env").read_text().splitlines())
    env = {name: value.strip("'\"") for name, _, value in words}
    assert env.items() >= (kept | {"GOFLAGS": "-buildvcs=false", "GOWORK": "off"}).items()
    assert not env.keys() & (dropped.keys() - {"GOWORK"})


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
    path = toolchain.install([host.name], progress)[host.name]
    assert {file.name for file in path.parent.iterdir()} == {host.name, *host.companions}
    assert all(file.stat().st_mode & 0o111 for file in toolchain.bin_dir().iterdir())
    assert f"-X {host.version_variable}=v3.76.0 " in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize(
    ("build", "reason"),
    [
        ("echo a/package >&2; echo 'x.go:1: undefined: y' >&2; echo b/package >&2; exit 1", "x.go:1: undefined: y"),
        ("exit 3", "Go ended with 3"),
        ("kill -9 $$", "Go was ended by signal 9"),
        ("printf '#!/bin/sh\\necho v1.2.4' > \"$2\"; exit 0", "it reports version 1.2.4 instead of 1.2.3"),
    ],
)
def test_a_failed_build_says_why(
    progress: Progress, on_path: MakeProgram, tmp_path: Path, build: str, reason: str
) -> None:
    fake_go(on_path, tmp_path, build=build)
    with pytest.raises(ConfigError, match=f"Go build: {reason}"):
        toolchain.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_disk_that_fills_up_while_building_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, build="echo 'write /tmp/x: no space left on device' >&2; exit 1")
    with pytest.raises(BerthError, match=r"^tool 1\.2\.3: the disk is full under "):
        toolchain.install([NAME], progress)


@pytest.mark.usefixtures("no_release")
def test_a_go_that_is_too_old_is_named(progress: Progress, on_path: MakeProgram, tmp_path: Path) -> None:
    fake_go(on_path, tmp_path, minor=19)
    with pytest.raises(ConfigError, match=r"Go build: Go 1\.19 is older than 1\.21\)"):
        toolchain.install([NAME], progress)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=str)
def test_the_module_pins_the_version_of_the_table(program: Program) -> None:
    folder = gobuild.MODULES / program.module
    pins = dict(line.split()[-3:-1] for line in _required(folder / "go.mod"))
    module = max((name for name in pins if program.package.startswith(name)), key=len)
    assert pins[module] == f"v{program.version}"
    assert f"{module} v{program.version} h1:" in (folder / "go.sum").read_text()
    assert program.package in (folder / "go.mod").read_text()


@pytest.mark.parametrize("folder", sorted(gobuild.MODULES.glob("*/")), ids=lambda folder: folder.name)
def test_a_pinned_module_replaces_only_by_public_modules(folder: Path) -> None:
    lines = (folder / "go.mod").read_text().splitlines()
    assert lines[0] == f"module berth.invalid/toolchain/{folder.name}"
    targets = [line.split("=>")[1].split() for line in lines if "=>" in line]
    assert all(len(target) == 2 and target[0].startswith("github.com/") for target in targets)


def _required(go_mod: Path) -> list[str]:
    lines = [line.partition("//")[0] + "//" for line in go_mod.read_text().splitlines()]
    return [f"{line[:-2]} //" for line in lines if " v" in line and "=>" not in line]
