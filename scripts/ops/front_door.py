"""Reads what the NGINX of each ingress node runs, through Nomad, from files of its allocation."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nomad_jobs.services.ingress import INGRESS
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.nomad import Nomad

_LOCAL = f"{INGRESS.name}/local"


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A route that NGINX runs."""

    record: Mapping[str, Any]
    peers: frozenset[str]
    """Addresses (`host:port`) that it sends requests to."""
    unfit: tuple[str, ...]
    """Texts in Consul's record that it leaves out, because they are no addresses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontDoor:
    """One NGINX and what it runs; nginx/apply.sh writes this once NGINX has answered with it."""

    node: str
    generation: str = ""
    """Empty: it runs no configuration yet."""
    certificate: str = ""
    """Version of the certificate."""
    routes: Mapping[str, Served]
    skipped: Mapping[str, str]
    """Why a route is left out, by its service."""
    refused: str = ""
    """What NGINX said of the last configuration, if it refused all or part of it."""

    def faults(self) -> Iterator[str]:
        """Name its faults, one line each."""
        if not self.generation:
            yield "runs no configuration yet"
        yield from (f"leaves out the route of {service}: {why}" for service, why in self.skipped.items())
        yield from (
            f"leaves out {address} of {service}, which is no address"
            for service, served in self.routes.items()
            for address in served.unfit
        )
        if self.refused:
            yield f"refused its last configuration: {self.refused}"

    def strays(self, consul: Consul) -> Iterator[str]:
        """Name every route whose peers are not exactly the instances that Consul calls healthy."""
        for service, served in self.routes.items():
            healthy = set(consul.instances(service))
            if served.peers != healthy:
                yield f"sends {service} to {listed(served.peers)}, but healthy are {listed(healthy)}"


def listed(addresses: Iterable[str]) -> str:
    """Write addresses on one line."""
    return ", ".join(sorted(addresses)) or "none"


def front_doors(nomad: Nomad) -> tuple[FrontDoor, ...]:
    """Read what every ingress node runs, ordered by node name; empty where there is no ingress."""
    rows = nomad.allocations(INGRESS.name).body or []
    wanted = [row for row in rows if row["DesiredStatus"] == "run" and row["ClientStatus"] in {"pending", "running"}]
    return tuple(sorted((_read(row, nomad) for row in wanted), key=lambda door: door.node))


def _read(allocation: Mapping[str, Any], nomad: Nomad) -> FrontDoor:
    if allocation["ClientStatus"] == "pending":
        return FrontDoor(node=allocation["NodeName"], routes={}, skipped={})
    running = nomad.file(allocation["ID"], f"{_LOCAL}/running.jsonl")
    refused = nomad.file(allocation["ID"], f"{_LOCAL}/refused.txt")
    return parse(allocation["NodeName"], running, refused)


def parse(node: str, running: str, refused: str) -> FrontDoor:
    """Read the two files that nginx/apply.sh writes."""
    lines = [json.loads(line) for line in running.splitlines()]
    head = lines[0] if lines else {}
    return FrontDoor(
        node=node,
        generation=head.get("generation", ""),
        certificate=head.get("certificate", ""),
        routes={
            line["service"]: Served(record=line["record"], peers=frozenset(line["peers"]), unfit=tuple(line["unfit"]))
            for line in lines
            if "service" in line
        },
        skipped={line["skipped"]: line["why"] for line in lines if "skipped" in line},
        refused=" ".join(refused.split())[:1000],
    )
