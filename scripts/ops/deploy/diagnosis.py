"""Says why a deployment does not get on, from what Nomad and Consul recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nomad_jobs.errors import BerthError
from nomad_jobs.model import Service
from scripts.ops.clients.consul import Consul
from scripts.ops.clients.nomad import Nomad
from scripts.ops.deploy.container_fixes import tells
from scripts.ops.deploy.hints import plain

_LOG_LINES = 5
_STEPS = {"Driver", "Driver Failure", "Started"}
"""Events that a task's start is made of."""
_LOG_BYTES = 8000
_Json = Mapping[str, Any]


def placement(evaluation: _Json) -> str:
    """Say what the scheduler lacked; empty when everything was placed."""
    return "; ".join(
        f"{metric.get('CoalescedFailures', 0) + 1} instance(s) of '{group}' cannot be placed: {_lacking(metric)}"
        for group, metric in (evaluation.get("FailedTGAllocs") or {}).items()
    )


def _lacking(metric: _Json) -> str:
    counted = [
        *((f"{what} exhausted", count) for what, count in (metric.get("DimensionExhausted") or {}).items()),
        *((f"constraint {what}", count) for what, count in (metric.get("ConstraintFiltered") or {}).items()),
    ]
    if counted:
        return ", ".join(f"{what} on {count} node(s)" for what, count in counted)
    if not metric.get("NodesEvaluated"):
        return "no node of this pool and datacenter is ready"
    return f"none of {metric['NodesEvaluated']} node(s) fits"


def waiting_for(allocations: Sequence[_Json]) -> str:
    """Give the newest event of a task that is not up yet, short enough for a progress line."""
    for allocation in allocations:
        for state in (allocation.get("TaskStates") or {}).values():
            events = state.get("Events") or []
            if events and state.get("State") != "dead":
                return f"{events[-1]['Type'].lower()}: {_message(events[-1])}"[:70]
    return "an instance to start"


def failures(service: Service, allocations: Sequence[_Json], nomad: Nomad, consul: Consul) -> str:
    """List what is wrong with the newest allocations: exits with log lines, templates that wait, failing checks."""
    said = [
        *(line for allocation in allocations[:2] for line in _task_failures(allocation, service, nomad)),
        *_failing_checks(service, consul),
    ]
    return "; ".join(dict.fromkeys(said)) or "no instance became healthy, and neither Nomad nor Consul says why"


def _task_failures(allocation: _Json, service: Service, nomad: Nomad) -> Iterator[str]:
    for task, state in (allocation.get("TaskStates") or {}).items():
        events = state.get("Events") or []
        missing = [_message(one) for one in events if one["Type"] == "Template"]
        if missing and state.get("State") == "pending":
            yield f"task '{task}' waits: {missing[-1]}"
        hard = {"Driver Failure", "Failed Validation", "Setup Failure", "Killing"}
        ended = [one for one in events if one["Type"] == "Terminated"]
        yield from (f"task '{task}': {plain(_message(one), service)}" for one in events[-3:] if one["Type"] in hard)
        if ended:
            yield f"task '{task}' ended: {plain(_message(ended[-1]), service)}{_last_words(allocation, task, nomad)}"
        # Nomad stops an instance that is late while it pulls, and says so in later events.
        elif (steps := [one for one in events if one["Type"] in _STEPS]) and steps[-1]["Type"] == "Driver":
            yield f"task '{task}': {plain(_message(steps[-1]), service)}"


def _message(event: _Json) -> str:
    """Give Nomad's message of an event on one line."""
    return " ".join(event.get("DisplayMessage", "").split())


def _last_words(allocation: _Json, task: str, nomad: Nomad) -> str:
    for stream in ("stderr", "stdout"):
        try:
            lines = nomad.log_tail(allocation["ID"], task, stream, _LOG_BYTES).strip().splitlines()
        except BerthError:  # the node may be gone; the exit is still reported
            return ""
        if lines:
            earlier = [line for line in lines[:-_LOG_LINES] if tells(line)][-1:]  # a stack trace may follow it
            return f"; last lines of {stream}:\n    " + "\n    ".join([*earlier, *lines[-_LOG_LINES:]])
    return ""


def _failing_checks(service: Service, consul: Consul) -> Iterator[str]:
    names = {service.consul_name(port.label) for port in service.ports}
    for name in sorted(names):
        for check in consul.checks(name):
            if check["Status"] != "passing":
                output = " ".join(check.get("Output", "").split())[:200]
                yield f"check '{check['Name']}' of {name} is {check['Status']}: {output or 'no output yet'}"
