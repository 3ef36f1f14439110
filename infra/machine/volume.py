"""Mounts `/data`: a server's EBS volume, which outlives the server; a node's own disks, fast and lost with it."""

from __future__ import annotations

import json
from pathlib import Path

from infra.machine.aws import Aws
from infra.machine.fault import Fault
from infra.machine.system import folder, run, until

DATA = Path("/data")
DEEP_LEARNING_MOUNT = Path("/opt/dlami/nvme")
"""Where AWS's deep learning images mount the instance's own disks, striped, by themselves."""
_INSTANCE_STORE = "Amazon EC2 NVMe Instance Storage"
_STRIPED = Path("/dev/md/berth")
_ATTACH_S = 300


def attach(aws: Aws, volume: str, instance: str) -> None:
    """Attach the server's volume once the machine before has detached it, and mount it at `/data`."""
    serial = volume.replace("-", "")

    def missing() -> str:
        if any(disk["serial"] == serial for disk in _disks()):
            return ""
        state, holder = _attachment(aws, volume)
        if state == "available":
            aws.query("ec2", "AttachVolume", VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
        return f"{volume} is {state}" + (f", held by {holder}" if holder else "")

    until(missing, f"attaching {volume}", _ATTACH_S)
    mount(next(disk["path"] for disk in _disks() if disk["serial"] == serial), "noatime,nodev,nosuid")


def detach(aws: Aws, volume: str) -> None:
    """Unmount and detach the volume, so that the next machine can attach it at once."""
    if DATA.is_mount():
        run("umount", str(DATA))
    aws.query("ec2", "DetachVolume", VolumeId=volume)


def stripe() -> None:
    """Stripe the instance's own disks and mount them at `/data`; without any, `/data` is a folder of the root disk."""
    disks = [disk["path"] for disk in _disks() if disk["model"] == _INSTANCE_STORE]
    if DATA.is_mount() or not disks:
        folder(DATA, 0o755)
    elif DEEP_LEARNING_MOUNT.is_mount():
        folder(DATA, 0o755)
        run("mount", "--bind", str(DEEP_LEARNING_MOUNT), str(DATA))
    elif len(disks) == 1:
        mount(disks[0])
    else:
        if not _STRIPED.exists():
            run("mdadm", "--create", str(_STRIPED), "--level=0", f"--raid-devices={len(disks)}", *disks)
        mount(str(_STRIPED))


def mount(device: str, options: str = "noatime") -> None:
    """Mount a device at `/data`, with a new file system only if it is empty.

    A node's device is mounted without `nosuid`: some files of container images are set-user-ID.
    """
    folder(DATA, 0o755)
    if DATA.is_mount():
        return
    if not _content(device):
        run("mkfs.xfs", "-q", device)
    run("mount", "-o", options, device, str(DATA))
    DATA.chmod(0o755)


def _disks() -> list[dict[str, str]]:
    found = json.loads(run("lsblk", "--json", "--nodeps", "--output", "PATH,MODEL,SERIAL"))["blockdevices"]
    return [{name: (value or "").strip() for name, value in disk.items()} for disk in found]


def _content(device: str) -> str:
    """Name what is on a device: a file system, a partition table; empty: nothing."""
    found = json.loads(run("lsblk", "--json", "--output", "FSTYPE,PTTYPE", device))["blockdevices"]
    if not found:
        raise Fault(f"lsblk shows nothing of {device}")
    return next((value for one in found for value in one.values() if value), "")


def _attachment(aws: Aws, volume: str) -> tuple[str, str]:
    found = aws.query("ec2", "DescribeVolumes", VolumeId_1=volume).find("volumeSet/item")
    if found is None:
        raise Fault(f"there is no volume {volume}")
    return found.findtext("status", ""), found.findtext("attachmentSet/item/instanceId", "")
