"""Prepares a node, whose certificate and secrets come from Vault and whose introduction comes from the servers."""

from __future__ import annotations

from pathlib import Path

from infra.holdings.names import NODE_CERTIFICATE
from infra.machine import nomad
from infra.machine.authority import CA
from infra.machine.fault import Fault
from infra.machine.system import folder, systemctl, until, write

NEEDS = {
    "consul": (NODE_CERTIFICATE, "/etc/consul.d/secrets.json"),
    "nomad": (NODE_CERTIFICATE, "/etc/nomad.d/secrets.json", "/data/nomad/client/intro_token.jwt"),
}
"""Files that each agent needs before it starts; Vault's agent writes them, in any order."""
DOCKER_CONFIG = Path("/etc/berth/docker/config.json")
"""Docker's file of registries' logins; Vault's agent writes ours once somebody has set it."""
_NO_LOGIN = '{"auths": {}}\n'
_READY_S = 900


def prepare() -> None:
    """Write Docker's file without a login: while there is no file, Nomad pulls nothing, not even public images."""
    folder(DOCKER_CONFIG.parent, 0o700)
    if not DOCKER_CONFIG.exists():
        write(DOCKER_CONFIG, _NO_LOGIN, 0o600)


def apply() -> None:
    """Start each agent whose files are all there; reload those that run."""
    for program, needs in NEEDS.items():
        if all(Path(path).exists() for path in needs):
            verb = "reload" if _runs(program) else "start"
            systemctl(verb, "--no-block", f"{program}.service")


def await_ready(address: str) -> None:
    """Wait until Nomad takes jobs here."""
    api = nomad.connect(address, str(CA))

    def missing() -> str:
        client = (api.get("agent/health?type=client") or {}).get("client") or {}
        return "" if client.get("ok") else f"Nomad says: {client.get('message', 'nothing')}"

    until(missing, "the node in Nomad", _READY_S)


def _runs(program: str) -> bool:
    try:
        systemctl("is-active", "--quiet", f"{program}.service")
    except Fault:
        return False
    return True
