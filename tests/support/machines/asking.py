"""Asks the servers of the stack `live` as an operator."""

import json
from functools import cache
from typing import Any

from infra.machine.web import Api, Refused
from tests.support.machines.cloud import SERVERS, Cloud
from tests.support.machines.machine import Machine


@cache
def operator(site: Cloud, kind: str) -> str:
    """Have Vault make an operator's token for Nomad or Consul, who logs in with the operator's IAM role."""
    vault = site.vault(next(iter(site.machines.values())).address, "operator")
    made = vault.get(f"{kind}/creds/operator")["data"]
    return str(made["secret_id" if kind == "nomad" else "token"])


def nomad(site: Cloud, address: str) -> Api:
    return Api(f"https://{address}:4646", site.ca_file, "X-Nomad-Token", operator(site, "nomad"))


def consul(site: Cloud, machine: Machine, path: str) -> Any:
    """Ask Consul on the server itself: its API is on loopback alone."""
    token = operator(site, "consul")
    connect = f"connect('/etc/berth/tls/ca.pem', {token!r})"
    ask = f"import json; from infra.machine.consul import connect; print(json.dumps({connect}.get({path!r})))"
    return json.loads(machine.run("env", "PYTHONPATH=/opt/berth/machine.pyz", "python3", "-c", ask))


def voters(site: Cloud, asked: Machine) -> dict[str, list[str]]:
    """Name the voters of each of the three clusters, as one server sees them."""
    vault = site.vault(asked.address, "server").get("sys/storage/raft/autopilot/state")["data"]["servers"]
    by_nomad = nomad(site, asked.address).get("operator/autopilot/health")["Servers"]
    by_consul = consul(site, asked, "operator/autopilot/health")["Servers"]
    return {
        "vault": sorted(name for name, one in vault.items() if one["status"] in {"leader", "voter"}),
        "nomad": sorted(one["Name"].split(".")[0] for one in by_nomad if one["Voter"] and one["Healthy"]),
        "consul": sorted(one["Name"] for one in by_consul if one["Voter"] and one["Healthy"]),
    }


def serving(site: Cloud) -> list[str]:
    """Count the servers on which all three answer; each of the three needs a leader for that."""
    found = []
    for name in set(SERVERS) & set(site.machines):
        machine = site.machines[name]
        assert nomad(site, machine.address).get("status/leader")
        assert consul(site, machine, "status/leader")
        found.append(name)
    return sorted(found)


def is_unknown(nomad: Api) -> bool:
    try:
        nomad.get("acl/token/self")
    except Refused:
        return True
    return False


def forbidden(api: Api, *paths: str) -> list[str]:
    """Name those of `paths` that may not be read."""
    found = []
    for path in paths:
        try:
            api.get(path)
        except Refused as error:
            found += [path] if error.status == 403 else []
    return found
