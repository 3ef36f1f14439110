"""Prints what runs after a deployment: a table for people, JSON for programs."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nginx.render import route_host
from nomad_jobs.model import Sample, Service
from nomad_jobs.platform import Platform
from scripts.ops.clients.target import Target
from scripts.ops.deploy.run import Done, expected_instances

_HTTPS = 443


def print_report(
    done: Sequence[Done],
    left_out: Mapping[str, str],
    target: Target,
    *,
    as_json: bool,
    headers: Path | None = None,
) -> None:
    """Print one row for each service to stdout: address, instances, GPUs, and a command to try it.

    Those that were `left_out` have a row that says why; as JSON, only what was deployed has one. `headers` is the
    folder with ready Authorization headers, which keep keys out of the command line.
    """
    services = [one.service for one in done]
    rows = service_rows(services, target)
    if as_json:
        rows = [
            {**row, "changed": one.changed, "seconds": round(one.seconds, 1)}
            for row, one in zip(rows, done, strict=True)
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    console = Console(highlight=False)
    console.print(services_table(rows, not_here(left_out, target.platform)))
    for line in _try_lines(services, target.platform, headers):
        console.print(line, markup=False, soft_wrap=True)


def service_rows(services: Sequence[Service], target: Target) -> list[dict[str, Any]]:
    """Give each service's address, its healthy instances as Consul lists them, how many are wanted, and GPUs in use."""
    return [_row(service, target) for service in services]


def _row(service: Service, target: Target) -> dict[str, Any]:
    platform = target.platform
    gpus = service.size.gpus
    peers = target.consul.instances(service.name)
    return {
        "service": service.name,
        "url": _url(service, platform),
        "instances": len(peers),
        "wanted": expected_instances(service, platform),
        "addresses": sorted(peers),
        "gpus": gpus.count * len(peers) if gpus else 0,
    }


def not_here(left_out: Mapping[str, str], platform: Platform) -> dict[str, str]:
    """Say of each service that was left out, by name, that it is not here and why."""
    return {name: f"not on {platform.title}: {why}" for name, why in left_out.items()}


def services_table(rows: Sequence[dict[str, Any]], absent: Mapping[str, str]) -> Table:
    """Lay rows out for a terminal of any width, then the `absent` ones: long texts wrap, nothing is cut."""
    table = Table(box=None, pad_edge=False)
    for name in ("service", "url", "up", "GPUs", "instances"):
        table.add_column(name, justify="right" if name == "GPUs" else "left", overflow="fold")
    for name, column in zip(("up", "GPUs", "instances"), table.columns[2:], strict=True):
        column.min_width = {"up": 3, "GPUs": 4, "instances": len("127.0.0.1:20000")}[name]
    for row in rows:
        table.add_row(
            row["service"],
            row["url"],
            f"{row['instances']}/{row['wanted']}",
            str(row["gpus"] or "-"),
            "\n".join(row["addresses"]),
        )
    for name, why in absent.items():
        table.add_row(name, why, "-", "-", "")
    return table


def _url(service: Service, platform: Platform) -> str:
    if service.route is None:
        return "-"
    host = route_host(service, platform)
    if platform.tls_routes:
        return f"https://{host}" + ("" if platform.https_port == _HTTPS else f":{platform.https_port}")
    return f"http://{host}:{platform.http_port}"


def _try_lines(services: Sequence[Service], platform: Platform, headers: Path | None) -> Iterator[str]:
    yield ""
    yield "try"
    for service in services:
        if service.route is not None and expected_instances(service, platform):
            yield f"  {_curl(service, service.route.sample, platform, headers)}"


def _curl(service: Service, sample: Sample, platform: Platform, headers: Path | None) -> str:
    words = ["curl", "-sN" if sample.json else "-s", f"{_url(service, platform)}{sample.path}"]
    if sample.bearer is not None:
        # curl reads the header from a file, so the key is in no command line and in no shell history.
        words += ["-H", f"@{headers / service.name}" if headers else "Authorization: Bearer …"]
    if sample.json is not None:
        # Not --json: Ubuntu 22.04's curl does not know it.
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(sample.json, separators=(",", ":"))]
    return shlex.join(words)
