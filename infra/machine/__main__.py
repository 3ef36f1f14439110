"""One verb for each unit of the machine: `python3 machine.pyz VERB`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from infra.machine import authority, facts, install, lifecycle, nodes, servers, volume
from infra.machine.aws import Aws, Parameters
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.imds import Metadata
from infra.machine.system import folder


class Machine:
    """This machine, as its facts and its metadata service describe it."""

    def __init__(self) -> None:
        self.facts: Facts = facts.read()
        self.metadata = Metadata()
        identity = self.metadata.identity
        self.instance = str(identity["instanceId"])
        self.address = str(identity["privateIp"])
        self.account = str(identity["accountId"])
        self.aws = Aws(self.facts.region, self.metadata.credentials)
        self.parameters = Parameters(self.aws, self.facts.parameters, self.facts.state_key)

    def install(self) -> None:
        """Fetch programs and start units; cloud-init runs this last."""
        install.install(self.facts, self.aws)

    def prepare(self) -> None:
        """Mount the data, configure the agents and install certificates, before any agent starts."""
        if self.facts.volume:
            volume.attach(self.aws, self.facts.volume, self.instance)
        elif self.facts.stripes:
            volume.stripe()
        folder(volume.DATA, 0o755)
        if not self.facts.is_server:
            folder(volume.DATA / "models", 0o755)
            nodes.prepare()
        install.configure(self.facts, self.facts.name or self.instance, self.address)
        if self.facts.is_server:
            authority.certify(self.facts, self.address, self.parameters)
        else:
            authority.install_ca(self.parameters)

    def converge(self) -> None:
        """Bring this server into its clusters, and complete the launch hook."""
        self._server().converge()
        lifecycle.complete_hook(self.aws, self.facts, self.instance, lifecycle.READY)

    def introduce(self) -> None:
        """Introduce new nodes to Nomad."""
        self._server().introduce()

    def renew(self) -> None:
        """Renew this server's certificate."""
        servers.renew(self.facts, self.address, self.parameters)

    def locate(self) -> None:
        """Print the servers' addresses, which Nomad asks for when it joins."""
        print(*servers.addresses(self.aws, self.facts))

    def ready(self) -> None:
        """Wait until this node takes jobs, and complete the launch hook."""
        nodes.await_ready(self.address)
        lifecycle.complete_hook(self.aws, self.facts, self.instance, lifecycle.READY)

    def watch(self) -> None:
        """Wait until the machine is to terminate, and leave the clusters in order."""
        print(lifecycle.watch(self.metadata), flush=True)
        lifecycle.leave(self.facts, self.aws, self.instance)

    def _server(self) -> servers.Servers:
        return servers.Servers(self.facts, self.aws, self.parameters, self.address, self.account)


def main() -> None:
    """Run the verb that is named, and report a fault in one line."""
    verbs: dict[str, Callable[[], None]] = {
        "apply": nodes.apply,
        "install": lambda: Machine().install(),
        "prepare": lambda: Machine().prepare(),
        "converge": lambda: Machine().converge(),
        "introduce": lambda: Machine().introduce(),
        "renew": lambda: Machine().renew(),
        "servers": lambda: Machine().locate(),
        "ready": lambda: Machine().ready(),
        "watch": lambda: Machine().watch(),
    }
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in verbs:
        sys.exit(f"usage: machine.pyz {'|'.join(verbs)}")
    try:
        verbs[verb]()
    except Fault as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
