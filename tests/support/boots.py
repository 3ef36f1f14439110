"""Boots of every kind of machine, for what is rendered of them."""

from infra.compute.agent_configs import MachineContext, NodeBoot, ServerBoot
from infra.compute.pools import PoolConfig
from infra.compute.user_data import node_user_data, server_user_data
from infra.label import Label
from infra.machine.facts import Download
from infra.network.ports import MachineKind
from nomad_jobs.model import PoolKind
from tests.support.graph import ACCOUNT, REGION

LABEL = Label("prod")
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key"
PROGRAMS = {
    name: Download(key=f"programs/{name}/1.0.0/{digit * 64}", sha256=digit * 64)
    for name, digit in (("consul", "1"), ("nomad", "2"), ("vault", "3"), ("nomad-device-nvidia", "4"))
}
MACHINE = Download(key=f"programs/machine.pyz/1/{'5' * 64}", sha256="5" * 64)
POOLS = {
    "app": PoolConfig(name="app", role=PoolKind.APP, instance_type="m7i.xlarge", min=1, max=2, desired=1),
    "ingress": PoolConfig(name="ingress", role=PoolKind.INGRESS, instance_type="c7i.large", min=1, max=2, desired=1),
    "gpu-h200": PoolConfig(name="gpu-h200", role=PoolKind.GPU, instance_type="p5en.48xlarge", min=1, max=2, desired=1),
}


def context(*programs: str) -> MachineContext:
    return MachineContext(
        label=LABEL,
        region=REGION,
        account_id=ACCOUNT,
        domain="example.com",
        bucket=f"berth-prod-binaries-{ACCOUNT}",
        state_key_arn=f"{_KEY}/00000000-0000-4000-8000-00000000000a",
        program=MACHINE,
        programs={name: PROGRAMS[name] for name in programs},
    )


def server(slot: int = 0) -> ServerBoot:
    roles = {who: f"arn:aws:iam::{ACCOUNT}:role/berth-prod-machine-{who}" for who in ("server", "client", "ingress")}
    return ServerBoot(
        context=context("consul", "nomad", "vault"),
        slot=slot,
        group=LABEL.name(f"server-{slot}"),
        volume_id="vol-0123456789abcdef0",
        vault_key_arn=f"{_KEY}/00000000-0000-4000-8000-00000000000b",
        nomad_key_arn=f"{_KEY}/00000000-0000-4000-8000-00000000000c",
        role_arns={**roles, "operator": f"arn:aws:iam::{ACCOUNT}:role/berth-prod-operator"},
    )


def node(name: str) -> NodeBoot:
    pool = POOLS[name]
    programs = ("consul", "nomad", "vault", *(("nomad-device-nvidia",) if pool.type.gpu else ()))
    kind = MachineKind.INGRESS if pool.role is PoolKind.INGRESS else MachineKind.CLIENT
    return NodeBoot(context=context(*programs), pool=pool, kind=kind, group=LABEL.name(f"pool-{name}"))


def user_data() -> dict[str, str]:
    """Every kind of machine's user data."""
    return {"server": server_user_data(server()), **{name: node_user_data(node(name)) for name in POOLS}}
