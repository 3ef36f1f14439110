"""Completes the lifecycle hooks by which auto scaling waits until a machine is ready, or its jobs have ended."""

from __future__ import annotations

import time

from infra.machine.aws import Aws
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.imds import Metadata
from infra.machine.system import systemctl
from infra.machine.volume import detach
from infra.machine.web import Refused

READY = "berth-ready"
"""The hook at launch."""
GONE = "berth-gone"
"""The hook at termination."""
_LOOK_S = 5


def complete_hook(aws: Aws, facts: Facts, instance: str, hook: str) -> None:
    """Complete the hook; it is fine if none waits, as for a restarted machine."""
    try:
        aws.query(
            "autoscaling",
            "CompleteLifecycleAction",
            AutoScalingGroupName=facts.group,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )
    except Refused as error:
        if "No active Lifecycle Action" not in error.body:
            raise


def watch(metadata: Metadata) -> str:
    """Wait until the machine is to terminate; return why."""
    while True:
        try:
            if metadata.get("meta-data/autoscaling/target-lifecycle-state") == "Terminated":
                return "auto scaling terminates the machine"
            if metadata.get("meta-data/spot/instance-action") is not None:
                return "AWS takes the spot instance back"
        except Fault as error:
            print(error, flush=True)
        time.sleep(_LOOK_S)


def leave(facts: Facts, aws: Aws, instance: str) -> None:
    """Drain, stop the agents, detach the volume and complete the hook."""
    # Stopping Nomad drains a node (`drain_on_shutdown`), and takes as long as its jobs may take.
    for unit in ("berth-introduce", "nomad", "vault", "consul") if facts.is_server else ("nomad", "consul"):
        systemctl("stop", f"{unit}.service")
    if facts.volume:
        detach(aws, facts.volume)
    complete_hook(aws, facts, instance, GONE)
