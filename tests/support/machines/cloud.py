"""The stack `live`: its servers and nodes, started from the user data that Pulumi would give them."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.compute.agent_configs import NodeBoot, ServerBoot, private_zone, server_name
from infra.compute.pools import PoolConfig
from infra.compute.program_files import installed
from infra.compute.user_data import node_user_data, server_user_data
from infra.holdings.names import JOINS_TAG, POOL_TAG, ROLE_TAG
from infra.machine.aws import Aws
from infra.machine.web import Api
from infra.network.ports import MachineKind
from tests.support.machines.account import LABEL, REGION, Account, account
from tests.support.machines.machine import Machine
from tests.support.machines.network import ADDRESS, Network, network
from vault_policies.holders import PEOPLE

SERVERS = ("server-0", "server-1", "server-2")
_WAIT_S = 300
_TOLD_OF = ("berth-prepare", "berth-converge", "berth-ready", "vault", "vault-agent", "consul", "nomad")


@dataclass(kw_only=True, eq=False)
class Cloud:
    """Machines by name; a server's slot keeps its address and its data, whatever machine is in it."""

    folder: Path
    network: Network
    account: Account
    machines: dict[str, Machine] = field(default_factory=dict)
    _started: int = 0

    def server(self, slot: int) -> Machine:
        """Start a server."""
        name = server_name(slot)
        known = ("client", "ingress", "server", *PEOPLE)
        boot = ServerBoot(
            context=self.account.context,
            slot=slot,
            group=LABEL.name(name),
            volume_id="",  # /data is a folder that is there already, and outlives the machine
            vault_key_arn=self.account.key_arns["vault"],
            nomad_key_arn=self.account.key_arns["nomad"],
            role_arns={role: self.account.role_arns[role] for role in known},
        )
        tags = {JOINS_TAG: LABEL.prefix, ROLE_TAG: MachineKind.SERVER.value}
        return self._start(name, MachineKind.SERVER, _server_address(slot), server_user_data(boot), tags)

    def node(self, pool: PoolConfig, kind: MachineKind, number: int, *, tagged: bool = True) -> Machine:
        """Start a node; one without its pool's tag is unknown to the servers."""
        boot = NodeBoot(context=self.account.context, pool=pool, kind=kind, group=LABEL.name(f"pool-{pool.name}"))
        tags = {POOL_TAG: pool.name, ROLE_TAG: kind.value} if tagged else {}
        address = f"{ADDRESS}.{50 + number}"
        return self._start(f"{pool.name}-{number}", kind, address, node_user_data(boot), tags)

    def told(self, machine: Machine) -> list[str]:
        """Name the lifecycle hooks that the machine has completed."""
        lines = self.account.hooks.read_text().splitlines() if self.account.hooks.exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{machine.instance} ")]

    def await_hook(self, machine: Machine, hook: str) -> None:
        """Wait until a machine has completed a lifecycle hook."""
        end = time.monotonic() + _WAIT_S
        while hook not in self.told(machine):
            console = (machine.folder / "console.log").read_text()
            assert machine.process.poll() is None, f"{machine.instance} has ended: {console}"
            logs = "\n".join(f"--- {unit}\n{machine.log(unit)[-1500:]}" for unit in _TOLD_OF)
            assert time.monotonic() < end, f"{machine.instance} did not answer {hook}: {console}\n{logs}"
            time.sleep(0.5)

    def end(self, name: str) -> None:
        """Switch a machine off, and let AWS know."""
        machine = self.machines.pop(name)
        machine.end()
        self.account.client("ec2").terminate_instances(InstanceIds=[machine.instance])

    @property
    def ca_file(self) -> str:
        """The stack's own authority, as servers publish it."""
        file = self.folder / "stack-authority.pem"
        if not file.exists():
            name = f"{self.account.context.parameters}/agent/authority"
            file.write_text(self.account.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        return str(file)

    def vault(self, address: str, role: str, name: str = "test", *, as_role: str = "") -> Api:
        """Log in to the Vault at `address` with one of the account's roles, for the Vault role of the same name."""
        aws = Aws(REGION, lambda: self.account.session(as_role or role, name))
        url = f"https://{address}:8200"
        asked = {"role": role, **aws.vault_login(LABEL.prefix)}
        token = Api(url, self.ca_file).ask("POST", "auth/aws/login", asked)["auth"]["client_token"]
        return Api(url, self.ca_file, "X-Vault-Token", token)

    def _start(self, name: str, kind: MachineKind, address: str, user_data: str, tags: dict[str, str]) -> Machine:
        self._started += 1
        folder = self.folder / "machines" / f"{name}-{self._started}"
        data = self.folder / "data" / name
        for path in (folder, data):
            path.mkdir(parents=True, exist_ok=True)
        instance = self.account.instance(address, tags)
        (folder / "imds.json").write_text(json.dumps(self.account.metadata(instance, address, kind)))
        (folder / "user-data").write_text(user_data)
        spec = {
            "data": str(data),
            "programs": str(installed()),
            "user_data": str(folder / "user-data"),
            "authority": str(self.account.authority.certificate_file),
            "hosts": [*self.account.hosts, *_names()],
        }
        self.machines[name] = Machine.start(instance, address, folder, self.network, spec)
        return self.machines[name]


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Make network and account, and remove both at the end; until then this thread is on that network."""
    with ExitStack() as left:
        folder = Path(tempfile.mkdtemp(prefix="berth-cloud-"))
        left.callback(shutil.rmtree, folder, ignore_errors=True)
        on = left.enter_context(network())
        made = Cloud(folder=folder, network=on, account=left.enter_context(account(folder)))
        left.callback(_end_all, made)
        yield made


def _end_all(made: Cloud) -> None:
    for machine in made.machines.values():
        machine.end()


def _server_address(slot: int) -> str:
    return f"{ADDRESS}.{10 + slot}"


def _names() -> list[tuple[str, str]]:
    """Give the servers' names and addresses, as the stack's private zone has them."""
    programs = ("consul", "nomad", "vault")
    return [(_server_address(slot), f"{one}.{private_zone(LABEL)}") for slot in range(len(SERVERS)) for one in programs]
