"""Installs programs, users, units and configurations, and starts the units."""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path

from infra.holdings.names import ADDRESS, NODE
from infra.machine.authority import CERTIFIED
from infra.machine.aws import Aws
from infra.machine.facts import Facts
from infra.machine.system import folder, systemctl, user, write

BIN = Path("/usr/local/bin")
PLUGINS = Path("/opt/nomad/plugins")
AGENT_CONFIG_DIR = Path("/etc/berth/agents")
"""Configurations from cloud-init: complete except for what only the machine knows."""
_SYSTEMD = Path("/etc/systemd/system")
_PLUGIN = "nomad-device-nvidia"

UNITS = {
    "server": (
        *("berth-prepare", "vault", "consul", "nomad-server", "berth-converge", "berth-introduce", "berth-watch"),
        "berth-renew",
    ),
    "client": ("berth-prepare", "vault-agent", "consul", "nomad", "berth-ready", "berth-watch"),
}
"""Units of each kind of machine."""
_TIMER = "berth-renew.timer"


def install(facts: Facts, aws: Aws) -> None:
    """Install what the machine's role needs; a repetition keeps what is there."""
    user(CERTIFIED)
    for name in ("consul", "vault", "nomad") if facts.is_server else ("consul",):
        user(name, CERTIFIED)
    programs(facts, aws)
    units = UNITS["server" if facts.is_server else "client"]
    for unit in units:
        write(_SYSTEMD / f"{_installed_as(unit)}.service", _unit(f"{unit}.service"))
    if facts.is_server:
        write(_SYSTEMD / _TIMER, _unit(_TIMER))
    systemctl("daemon-reload")
    started = [f"{_installed_as(unit)}.service" for unit in units if unit != "berth-renew"]
    systemctl("enable", *started, *([_TIMER] if facts.is_server else []))
    # Nothing waits here: each unit waits for those that it needs.
    systemctl("start", "--no-block", *started, *([_TIMER] if facts.is_server else []))
    if not facts.is_server:  # a Docker that runs already must move its images to /data
        systemctl("restart", "--no-block", "docker.service")


def programs(facts: Facts, aws: Aws) -> None:
    """Fetch the programs, each by its SHA-256."""
    for name, download in facts.programs.items():
        place = (PLUGINS if name == _PLUGIN else BIN) / name
        stamp = Path(f"/opt/berth/{name}.sha256")
        if place.exists() and stamp.exists() and stamp.read_text() == download.sha256:
            continue
        write(place, aws.download(facts.bucket, download.key, download.sha256), 0o755)
        write(stamp, download.sha256)


def configure(facts: Facts, node: str, address: str) -> None:
    """Fill in what only the instance knows, and give each program its own configuration and data."""
    for path in AGENT_CONFIG_DIR.glob("*.hcl"):
        owner = path.stem if facts.is_server or path.stem == "consul" else "root"
        text = path.read_text().replace(NODE, node).replace(ADDRESS, address)
        folder(Path(f"/etc/{path.stem}.d"), 0o750, owner)
        write(Path(f"/etc/{path.stem}.d/{path.stem}.hcl"), text, 0o640, owner)
        if path.stem != "vault-agent":
            folder(Path("/data") / path.stem, 0o700, owner)


def _installed_as(unit: str) -> str:
    return "nomad" if unit == "nomad-server" else unit


def _unit(file: str) -> bytes:
    text = pkgutil.get_data("infra.machine", f"units/{file}")
    if text is None:
        sys.exit(f"this program was packed without {file}")
    return text
