"""Draining: the nodes of a platform that goes down let go of every task, and take tasks again when it comes up."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from scripts.ops.api import Api

_REASON = {"berth": "down"}
"""Why a node was drained: one that somebody else drained is left alone by `berth up`."""
_FORCED_NS = -1
"""There is nowhere to move to, so nothing is waited for but the tasks' own way of stopping."""


def drain(nomad: Api, nodes: Iterable[dict[str, Any]], *, deadline_s: float, says: Callable[[str], None]) -> list[str]:
    """Stop every task on `nodes`; name the tasks that still run after `deadline_s` seconds."""
    end = time.monotonic() + deadline_s
    nodes = list(nodes)
    for node in nodes:
        strategy = {"Deadline": _FORCED_NS, "IgnoreSystemJobs": False}
        nomad.put(f"/v1/node/{node['ID']}/drain", json={"DrainSpec": strategy, "Meta": _REASON})
    return [left for node in nodes for left in _await_empty(nomad, node, end, says)]


def release(nomad: Api) -> None:
    """Let the nodes that `drain` emptied take tasks again."""
    for node in nomad.get("/v1/nodes") or ():
        last = node.get("LastDrain") or {}
        if node["SchedulingEligibility"] != "eligible" and (last.get("Meta") or {}).get("berth") == "down":
            nomad.put(f"/v1/node/{node['ID']}/drain", json={"DrainSpec": None, "MarkEligible": True})


def _await_empty(nomad: Api, node: dict[str, Any], end: float, says: Callable[[str], None]) -> list[str]:
    index = 0
    while True:
        answer = nomad.blocking(f"/v1/node/{node['ID']}/allocations", index, min(5, max(0.1, end - time.monotonic())))
        index = answer.index
        live = [one["Name"] for one in answer.body or () if one["ClientStatus"] in {"running", "pending"}]
        if not live or time.monotonic() >= end:
            return live
        says(f"stopping {', '.join(live)}")
