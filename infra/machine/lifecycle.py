"""What auto scaling waits for: a machine's word that it is ready, and that its jobs have gone."""

from __future__ import annotations

import time

from infra.machine.aws import Aws
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.imds import Metadata
from infra.machine.system import systemctl
from infra.machine.volume import detach
from infra.machine.web import Refused

READY, GONE = "berth-ready", "berth-gone"
"""Names of the hooks: at the launch, and at the end."""
_LOOK_S = 5


def tell(aws: Aws, facts: Facts, instance: str, hook: str) -> None:
    """Let auto scaling go on. What no hook waits for (a restarted machine, say) needs no word."""
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
    """Wait until the machine is to go; say why."""
    while True:
        try:
            if metadata.get("meta-data/autoscaling/target-lifecycle-state") == "Terminated":
                return "auto scaling ends it"
            if metadata.get("meta-data/spot/instance-action") is not None:
                return "AWS takes the spot instance back"
        except Fault as error:
            print(error, flush=True)
        time.sleep(_LOOK_S)


def leave(facts: Facts, aws: Aws, instance: str) -> None:
    """Go in order: jobs end and move, agents say goodbye, the data is let go of, auto scaling hears of it."""
    # Stopping Nomad drains a node (`drain_on_shutdown`), and takes as long as its jobs may take.
    for unit in ("berth-introduce", "nomad", "vault", "consul") if facts.is_server else ("nomad", "consul"):
        systemctl("stop", f"{unit}.service")
    if facts.volume:
        detach(aws, facts.volume)
    tell(aws, facts, instance, GONE)
