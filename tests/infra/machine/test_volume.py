"""A server's volume and a node's disks, with the programs that touch them replaced: only what is empty is formatted."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from infra.machine import volume
from infra.machine.fault import Fault

STORE = "Amazon EC2 NVMe Instance Storage"


class Disks:
    """What lsblk says, and what was run."""

    def __init__(self, disks: dict[str, str], content: str = "") -> None:
        self.disks = disks
        self.content = content
        self.ran = list[tuple[str, ...]]()
        self.serials: dict[str, str] = {}

    def run(self, *argv: str, **_: object) -> str:
        if argv[0] == "lsblk" and "--nodeps" in argv:
            rows = [
                {"path": path, "model": model, "serial": self.serials.get(path)} for path, model in self.disks.items()
            ]
            return json.dumps({"blockdevices": rows})
        if argv[0] == "lsblk":
            return json.dumps({"blockdevices": [{"fstype": self.content or None, "pttype": None}]})
        self.ran.append(argv)
        return ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def make(disks: dict[str, str], content: str = "") -> Disks:
        made = Disks(disks, content)
        monkeypatch.setattr(volume, "run", made.run)
        monkeypatch.setattr(volume, "folder", lambda path, *_, **__: path)
        monkeypatch.setattr(volume, "DATA", tmp_path)
        monkeypatch.setattr(volume, "DEEP_LEARNING_MOUNT", tmp_path / "nvme")
        monkeypatch.setattr(volume, "_STRIPED", tmp_path / "md-berth")
        monkeypatch.setattr("infra.machine.system._PAUSE_S", 0.0)
        return made

    return make


def test_eight_disks_become_one_for_weights(machine: Any, tmp_path: Path) -> None:
    disks = machine({f"/dev/nvme{n}n1": STORE for n in range(1, 9)} | {"/dev/nvme0n1": "Amazon Elastic Block Store"})
    volume.stripe()
    create, format_, mount = disks.ran
    assert create[:5] == ("mdadm", "--create", str(tmp_path / "md-berth"), "--level=0", "--raid-devices=8")
    assert create[5:] == tuple(f"/dev/nvme{n}n1" for n in range(1, 9))
    assert format_[0] == "mkfs.xfs"
    assert mount == ("mount", "-o", "noatime", str(tmp_path / "md-berth"), str(tmp_path))


def test_one_disk_is_taken_as_it_is(machine: Any) -> None:
    disks = machine({"/dev/nvme1n1": STORE})
    volume.stripe()
    assert [argv[0] for argv in disks.ran] == ["mkfs.xfs", "mount"]
    assert "/dev/nvme1n1" in disks.ran[1]


def test_without_disks_of_its_own_the_root_disk_serves(machine: Any) -> None:
    disks = machine({"/dev/nvme0n1": "Amazon Elastic Block Store"})
    volume.stripe()
    assert disks.ran == []


def test_what_the_image_has_striped_already_is_used(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    disks = machine({f"/dev/nvme{n}n1": STORE for n in range(1, 9)})
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "nvme")
    volume.stripe()
    assert [argv[:2] for argv in disks.ran] == [("mount", "--bind")]


@pytest.mark.parametrize("content", ["xfs", "ext4", "gpt", "linux_raid_member"])
def test_a_disk_that_holds_anything_is_never_formatted(machine: Any, content: str) -> None:
    disks = machine({}, content)
    volume.mount("/dev/nvme1n1")
    assert [argv[0] for argv in disks.ran] == ["mount"]


def test_what_is_mounted_is_left_alone(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    disks = machine({"/dev/nvme1n1": STORE})
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    volume.stripe()
    volume.mount("/dev/nvme1n1")
    assert disks.ran == []


class Ec2:
    """EC2, whose volume is attached to the machine before for two questions, then free, then ours."""

    def __init__(self, disks: Disks, held: int = 2) -> None:
        self.disks = disks
        self.left = held
        self.calls = list[str]()

    def query(self, _service: str, action: str, **fields: str) -> ET.Element:
        self.calls.append(action)
        if action == "AttachVolume":
            assert (fields["VolumeId"], fields["InstanceId"]) == ("vol-0abc", "i-new")
            self.disks.disks["/dev/nvme1n1"] = "Amazon Elastic Block Store"
            self.disks.serials["/dev/nvme1n1"] = "vol0abc"
        self.left -= action == "DescribeVolumes"
        held = "<attachmentSet><item><instanceId>i-old</instanceId></item></attachmentSet>" if self.left >= 0 else ""
        status = "in-use" if self.left >= 0 else "available"
        return ET.fromstring(f"<r><volumeSet><item><status>{status}</status>{held}</item></volumeSet></r>")


def test_a_server_waits_until_the_one_before_it_has_detached_the_volume(machine: Any) -> None:
    disks = machine({"/dev/nvme0n1": "Amazon Elastic Block Store"}, "xfs")
    ec2: Any = Ec2(disks)
    volume.attach(ec2, "vol-0abc", "i-new")
    assert ec2.calls == ["DescribeVolumes"] * 3 + ["AttachVolume"]
    assert [argv[0] for argv in disks.ran] == ["mount"]
    assert disks.ran[0][2:4] == ("noatime,nodev,nosuid", "/dev/nvme1n1")


def test_a_volume_that_stays_attached_is_named_with_its_holder(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "_ATTACH_S", 0.0)
    ec2: Any = Ec2(machine({}), held=9)
    with pytest.raises(Fault, match="vol-0abc is in-use, held by i-old"):
        volume.attach(ec2, "vol-0abc", "i-new")
