"""User data: what cloud-init writes and runs when a machine first starts. Pure; nothing in it is secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra import agents
from infra.compute.agent_configs import (
    MachineContext,
    NodeBoot,
    ServerBoot,
    issuer,
    node_agents,
    server_agents,
    server_name,
)
from infra.network.ports import MachineKind
from nomad_jobs.text import render

AWS_SERVICES = ("autoscaling", "ec2", "kms", "ssm", "sts")
"""AWS services that machines call, besides S3: in a subnet without a route to the internet each needs an endpoint."""
USER_DATA_MAX = 16_384
"""Bytes of user data that EC2 takes, before base64."""
_TEMPLATES = Path(agents.__file__).parent
_SYSCTL = "net.ipv4.ip_local_port_range = 49152 65535\n"
"""Keeps outgoing connections off the ports that Nomad hands out, as Nomad requires."""
_AUDIT_LOG = """/var/log/vault/audit.log {
    daily
    rotate 14
    maxsize 500M
    compress
    missingok
    notifempty
    create 0600 vault vault
    postrotate
        systemctl reload vault.service
    endscript
}
"""
"""Rotates Vault's audit log, which Vault reopens on a reload: a full disk would stop every request."""
_DOCKER_AFTER_DATA = "[Unit]\nRequires=berth-prepare.service\nAfter=berth-prepare.service\n"


def server_user_data(boot: ServerBoot) -> str:
    """Write a server's user data."""
    facts = _facts(
        boot.context,
        role=MachineKind.SERVER,
        name=server_name(boot.slot),
        group=boot.group,
        is_first=boot.slot == 0,
        volume=boot.volume_id,
        issuer=issuer(boot.context.domain),
        roles=dict(boot.role_arns),
    )
    summary = f"Server {boot.slot} of stack {boot.context.label.stack}: Consul, Nomad and Vault"
    files = {**_agent_files(facts, server_agents(boot)), "/etc/logrotate.d/vault": _AUDIT_LOG}
    return _cloud_init(boot.context, summary, files)


def node_user_data(boot: NodeBoot) -> str:
    """Write the user data of a pool's nodes."""
    row = boot.pool.type
    facts = _facts(boot.context, role=boot.kind, name="", group=boot.group, stripes=row.nvme is not None)
    files = {
        **_agent_files(facts, node_agents(boot)),
        "/etc/docker/daemon.json": json.dumps(_docker(has_gpus=row.gpu is not None), indent=2) + "\n",
        "/etc/systemd/system/docker.service.d/berth.conf": _DOCKER_AFTER_DATA,
    }
    # AWS's images for GPUs come with Docker, the driver and NVIDIA's runtime.
    packages = () if row.gpu else ("docker",)
    summary = f"A node of pool {boot.pool.name} of stack {boot.context.label.stack}"
    return _cloud_init(boot.context, summary, files, packages)


def _docker(*, has_gpus: bool) -> dict[str, Any]:
    """Keep images on the data disk, and containers running while Docker itself restarts."""
    nvidia = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}}} if has_gpus else {}
    return {"data-root": "/data/docker", "live-restore": True, "log-driver": "journald", **nvidia}


def _facts(context: MachineContext, **own: Any) -> dict[str, Any]:
    return {
        "stack": context.label.stack,
        "region": context.region,
        "zone": context.zone,
        "parameters": context.parameters,
        "state_key": context.state_key_arn,
        "bucket": context.bucket,
        "programs": {name: asdict(download) for name, download in context.programs.items()},
        **own,
    }


def _agent_files(facts: Mapping[str, Any], configs: Mapping[str, str]) -> dict[str, str]:
    return {
        "/etc/berth/machine.json": json.dumps(facts, indent=2) + "\n",
        **{f"/etc/berth/agents/{name}.hcl": text for name, text in configs.items()},
        "/etc/sysctl.d/60-berth.conf": _SYSCTL,
    }


def _cloud_init(context: MachineContext, summary: str, files: Mapping[str, str], packages: tuple[str, ...] = ()) -> str:
    fetch = {"region": context.region, "bucket": context.bucket, "program": context.program}
    boot = render(_TEMPLATES, "boot.sh.j2", fetch)
    listed = [{"path": path, "text": text} for path, text in {**files, "/opt/berth/boot.sh": boot}.items()]
    return render(_TEMPLATES, "cloud-init.yaml.j2", {"summary": summary, "packages": packages, "files": listed})
