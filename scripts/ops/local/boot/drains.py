"""Drains nodes before the platform stops, and makes them eligible again when it starts."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from scripts.ops.clients.api import Api

_MARK = {"berth": "down"}
"""Written on a node that Berth drains: `berth up` releases no node that somebody else drained."""
_AT_ONCE_NS = -1
_PAUSE_S = 5.0

Says = Callable[[str], None]


def empty(nomad: Api, nodes: Iterable[dict[str, Any]], *, deadline_s: float, says: Says) -> list[str]:
    """Stop every task on `nodes`, system jobs too; name the tasks that still run after `deadline_s` seconds.

    The tasks have nowhere to move to, so this waits only until each has stopped.
    """
    return _drain(nomad, list(nodes), _AT_ONCE_NS, deadline_s, says)


def retire(nomad: Api, nodes: Iterable[dict[str, Any]], *, deadline_s: float, says: Says) -> list[str]:
    """Move the tasks of `nodes` to the other nodes, as a rolling update would."""
    return _drain(nomad, list(nodes), int(deadline_s * 1e9), deadline_s * 2, says)


def forget(nomad: Api, nodes: Iterable[dict[str, Any]]) -> None:
    """Remove nodes that have stopped from Nomad's list."""
    for node in nodes:
        nomad.put(f"/v1/node/{node['ID']}/purge")


def release(nomad: Api) -> None:
    """Let the nodes that `empty` drained take tasks again."""
    for node in nomad.get("/v1/nodes") or ():
        last = node.get("LastDrain") or {}
        if node["SchedulingEligibility"] != "eligible" and (last.get("Meta") or {}).get("berth") == "down":
            nomad.put(f"/v1/node/{node['ID']}/drain", json={"DrainSpec": None, "MarkEligible": True})


def _drain(nomad: Api, nodes: list[dict[str, Any]], deadline_ns: int, wait_s: float, says: Says) -> list[str]:
    end = time.monotonic() + wait_s
    for node in nodes:
        body = {"DrainSpec": {"Deadline": deadline_ns, "IgnoreSystemJobs": False}, "Meta": _MARK}
        nomad.put(f"/v1/node/{node['ID']}/drain", json=body)
    return [left for node in nodes for left in _await_empty(nomad, node, end, says)]


def _await_empty(nomad: Api, node: dict[str, Any], end: float, says: Says) -> list[str]:
    index = 0
    while True:
        wait_s = min(_PAUSE_S, max(0.1, end - time.monotonic()))
        answer = nomad.blocking(f"/v1/node/{node['ID']}/allocations", index, wait_s)
        index = answer.index
        live = sorted(one["Name"] for one in answer.body or () if one["ClientStatus"] in {"running", "pending"})
        if not live or time.monotonic() >= end:
            return live
        says(f"stopping {', '.join(live)}")
