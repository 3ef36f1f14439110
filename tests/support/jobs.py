"""Small jobs for the real Nomad, as values."""

from typing import Any


def sleeper(name: str, *, kind: str = "service", count: int = 1, gpus: int = 0) -> dict[str, Any]:
    """A job whose tasks do nothing until they are told to stop."""
    devices = [{"Name": "nomad/file", "Count": gpus}] if gpus else []
    task = {
        "Name": name,
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sleep", "args": ["3600"]},
        "Resources": {"CPU": 20, "MemoryMB": 16, "Devices": devices},
    }
    return {
        "ID": name,
        "Name": name,
        "Type": kind,
        "Datacenters": ["dc1"],
        "NodePool": "all",
        "TaskGroups": [{"Name": name, "Count": count, "Tasks": [task]}],
    }
