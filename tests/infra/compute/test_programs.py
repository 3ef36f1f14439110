import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.compute.program_files import (
    AGENT_VERSIONS,
    DEVICE_PLUGIN,
    DEVICE_PLUGIN_VERSION,
    MACHINES,
    gather,
    installed,
    pack,
)
from infra.compute.programs import Programs, ProgramsArgs
from infra.label import Label
from infra.machine.facts import Download
from nomad_jobs.errors import ConfigError, ManyErrors
from tests.support.graph import record


def folder_with(tmp_path: Path, *names: str) -> Path:
    for name in names:
        version = {**AGENT_VERSIONS, DEVICE_PLUGIN: DEVICE_PLUGIN_VERSION}[name]
        path = tmp_path / name / f"{version}_linux_amd64" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"a stand-in for {name}")
    return tmp_path


def test_each_program_is_known_by_its_bytes(tmp_path: Path) -> None:
    files = {file.name: file for file in gather(needs_gpus=False, folder=folder_with(tmp_path, *AGENT_VERSIONS))}
    assert set(files) == {*AGENT_VERSIONS, MACHINES}
    digest = hashlib.sha256(b"a stand-in for nomad").hexdigest()
    assert files["nomad"].download == Download(key=f"programs/nomad/{AGENT_VERSIONS['nomad']}/{digest}", sha256=digest)
    packed = files[MACHINES]
    assert hashlib.sha256(packed.path.read_bytes()).hexdigest() == packed.sha256


def test_everything_that_is_missing_is_said_at_once_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ManyErrors) as many:
        gather(needs_gpus=True, folder=folder_with(tmp_path, "consul", "vault"))
    nomad, plugin = many.value.errors
    assert "berth tools install" in nomad.fix
    assert "https://releases.hashicorp.com/nomad-device-nvidia/1.1.0" in plugin.fix
    assert str(tmp_path) in plugin.what


def test_only_gpu_nodes_need_the_plugin(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, *AGENT_VERSIONS)
    assert gather(needs_gpus=False, folder=folder)
    with pytest.raises(ConfigError, match=DEVICE_PLUGIN):
        gather(needs_gpus=True, folder=folder)


def test_programs_are_where_berth_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert installed() == Path("/somewhere/berth/programs")


def test_the_machines_program_is_packed_the_same_every_time_and_runs_alone(tmp_path: Path) -> None:
    assert pack() == pack()
    path = tmp_path / "machine.pyz"
    path.write_bytes(pack())
    with zipfile.ZipFile(path) as archive:
        assert all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())
        names = set(archive.namelist())
    assert {"infra/machine/units/vault.service", "vault_policies/rules/node.hcl"} <= names
    assert not any(name.startswith("infra/config") for name in names)
    argv = (sys.executable, "-I", "-S", str(path))  # without this project, and without any package
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: machine.pyz apply|")


def test_other_bytes_are_another_object(tmp_path: Path) -> None:
    files = gather(needs_gpus=False, folder=folder_with(tmp_path, *AGENT_VERSIONS))
    args = ProgramsArgs(label=Label("prod"), bucket="binaries", files=files)
    graph = record(lambda: Programs("programs", args), stack="prod")
    objects = {node.inputs["key"]: node for node in graph.of("BucketObjectv2")}
    assert set(objects) == {file.key for file in files}
    assert all(node.inputs["bucket"] == "binaries" for node in objects.values())
