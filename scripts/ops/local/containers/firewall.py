"""Closes the containers' network to everyone outside this machine, with rules of Berth's own in the kernel's tables.

Linux takes a packet for any of its addresses on any interface: without these rules a neighbour who routes the network's
addresses to this machine reaches every container and the registry.
"""

import subprocess

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.local.settings import PORTS_PER_NODE, Containers, Settings
from scripts.ops.toolchain import system_packages

_LIMIT_S = 30


def close(settings: Settings, containers: Containers) -> None:
    """Keep everybody outside out of the network, and containers away from all of this machine but what is published.

    Writing them again changes nothing. Each rule is in a chain of the network's name.

    Raises:
        BerthError: the kernel refuses them, or `iptables` is not installed.

    """
    _remove_jumps(containers.network)
    _run("iptables-restore", "--noflush", "--wait", text=_rules(settings, containers))


def open_again(containers: Containers) -> None:
    """Remove all of its rules."""
    _remove_jumps(containers.network)
    for table in ("raw", "filter"):
        if _rules_of(table, containers.network):
            _run("iptables", "--wait", "-t", table, "-F", containers.network)
            _run("iptables", "--wait", "-t", table, "-X", containers.network)


def has_dockers_rules() -> bool:
    """Whether Docker's own rules are there, without which it publishes no port."""
    return bool(_rules_of("nat", "DOCKER"))


def _rules(settings: Settings, containers: Containers) -> str:
    """Write both tables; the jumps come last, so that no packet meets a chain that is half filled."""
    chain = bridge = containers.network
    first = settings.port("dynamic")
    last = first + settings.nodes * PORTS_PER_NODE - 1
    lines = (
        "*raw",
        f":{chain} - [0:0]",
        f"-A {chain} -i lo -j RETURN",
        f"-A {chain} -i {bridge} -j RETURN",
        f"-A {chain} -j DROP",
        f"-I PREROUTING -d {containers.subnet} -j {chain}",
        "COMMIT",
        # A firewall such as ufw would refuse a container that asks for another one's published port. Whatever else this
        # machine listens on is none of their business.
        "*filter",
        f":{chain} - [0:0]",
        f"-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        f"-A {chain} -d {containers.address}/32 -p tcp -m tcp --dport {first}:{last} -j ACCEPT",
        f"-A {chain} -j DROP",
        f"-I INPUT -i {bridge} -j {chain}",
        "COMMIT",
    )
    return "\n".join(lines) + "\n"


def _remove_jumps(chain: str) -> None:
    for table, place in (("raw", "PREROUTING"), ("filter", "INPUT")):
        for rule in _rules_of(table, place):
            words = rule.split()
            if words[-2:] == ["-j", chain]:
                _run("iptables", "--wait", "-t", table, "-D", *words[1:])


def _rules_of(table: str, chain: str) -> list[str]:
    """List the rules of a chain; none where there is no such chain."""
    done = _called("iptables", "--wait", "-t", table, "-S", chain)
    return done.stdout.splitlines() if done.returncode == 0 else []


def _run(*argv: str, text: str = "") -> None:
    done = _called(*argv, text=text)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:300]
        raise BerthError("firewall", f"{argv[0]} failed: {said}", "run `berth up` as root, and see `iptables-save`")


def _called(program: str, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    place = system_packages.find("iptables")
    if place is None:
        raise ConfigError("firewall", "iptables is not installed", "run `berth tools install iptables`")
    argv = [str(place.with_name(program)), *words]
    return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
