"""Auto Scaling groups and their hooks: `autoscaling/group.go`, `autoscaling/lifecycle_hook.go`."""

from collections.abc import Iterable
from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, deep_lower, deep_upper, lower, one_of, replaces, upper
from tests.support.aws_provider.values import Bag

_SIZES = ("minSize", "maxSize", "desiredCapacity", "defaultCooldown")
_PLAIN = (
    *_SIZES,
    "healthCheckType",
    "healthCheckGracePeriod",
    "placementGroup",
    "terminationPolicies",
    "capacityRebalance",
    "maxInstanceLifetime",
    "defaultInstanceWarmup",
)
_WAITS = ("waitForCapacityTimeout", "waitForElbCapacity", "minElbCapacity")
_LOCAL = ("forceDelete", *_WAITS, "instanceRefresh", "initialLifecycleHooks")  # the last is sent once, and never read


def _call(bag: Bag) -> dict[str, Any]:
    call = upper(bag, *_PLAIN)
    if "vpcZoneIdentifiers" in bag:
        call["VPCZoneIdentifier"] = ",".join(bag["vpcZoneIdentifiers"])
    if "availabilityZones" in bag and "vpcZoneIdentifiers" not in bag:
        call["AvailabilityZones"] = bag["availabilityZones"]
    if "protectFromScaleIn" in bag:
        call["NewInstancesProtectedFromScaleIn"] = bag["protectFromScaleIn"]
    if "launchTemplate" in bag:
        given = bag["launchTemplate"]
        named = {"LaunchTemplateId": given["id"]} if given.get("id") else {"LaunchTemplateName": given["name"]}
        call["LaunchTemplate"] = named | ({"Version": str(given["version"])} if "version" in given else {})
    if "mixedInstancesPolicy" in bag:
        call["MixedInstancesPolicy"] = deep_upper(_mixed(bag["mixedInstancesPolicy"]))
    return call


def _mixed(policy: Bag) -> Bag:
    """AWS calls the template's version text, and the spot price nothing when it is unset."""
    written = {key: one for key, one in policy.items() if key != "launchTemplate"}
    template = policy.get("launchTemplate", {})
    named = dict(template.get("launchTemplateSpecification", {}))
    if "version" in named:
        named["version"] = str(named["version"])
    return {**written, "launchTemplate": {**template, "launchTemplateSpecification": named}}


def _tags(bag: Bag, name: str) -> list[dict[str, Any]]:
    own = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    return [own | deep_upper(one) for one in bag.get("tags", ())]


def _create(cloud: Cloud, bag: Bag) -> str:
    name = str(bag["name"])
    extra = {"TargetGroupARNs": bag["targetGroupArns"]} if bag.get("targetGroupArns") else {}
    call = _call(bag)
    call.setdefault("DefaultCooldown", 300)
    cloud("autoscaling").create_auto_scaling_group(AutoScalingGroupName=name, Tags=_tags(bag, name), **call, **extra)
    return name


def _finish(cloud: Cloud, identity: str, bag: Bag) -> None:
    for hook in bag.get("initialLifecycleHooks", ()):
        named = {"LifecycleHookName": hook["name"], "AutoScalingGroupName": identity}
        cloud("autoscaling").put_lifecycle_hook(**named, **_hook_call(hook))


def _settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    group = {"AutoScalingGroupName": identity}
    if bag.get("enabledMetrics"):
        granularity = bag.get("metricsGranularity", "1Minute")
        cloud("autoscaling").enable_metrics_collection(**group, Granularity=granularity, Metrics=bag["enabledMetrics"])
    if bag.get("suspendedProcesses"):
        cloud("autoscaling").suspend_processes(**group, ScalingProcesses=bag["suspendedProcesses"])


def _update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    client = cloud("autoscaling")
    call = {key: one for key, one in _call(new).items() if _source(key) in changed}
    if call:
        client.update_auto_scaling_group(AutoScalingGroupName=identity, **call)
    if "targetGroupArns" in changed:
        before, after = set(old.get("targetGroupArns", ())), set(new.get("targetGroupArns", ()))
        key = {"AutoScalingGroupName": identity}
        if after - before:
            client.attach_load_balancer_target_groups(**key, TargetGroupARNs=sorted(after - before))
        if before - after:
            client.detach_load_balancer_target_groups(**key, TargetGroupARNs=sorted(before - after))
    if "tags" in changed:
        client.delete_tags(Tags=_tags(old, identity))
        client.create_or_update_tags(Tags=_tags(new, identity))


def _source(name: str) -> str:
    special = {"VPCZoneIdentifier": "vpcZoneIdentifiers", "NewInstancesProtectedFromScaleIn": "protectFromScaleIn"}
    return special.get(name, name[0].lower() + name[1:])


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    answer = cloud("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[identity])
    if not answer["AutoScalingGroups"]:
        return None
    group = answer["AutoScalingGroups"][0]
    names = [one[0].upper() + one[1:] for one in _PLAIN]
    fields = lower(group, *names)
    fields["arn"] = group["AutoScalingGroupARN"]
    fields["name"] = identity
    fields["vpcZoneIdentifiers"] = [one for one in group.get("VPCZoneIdentifier", "").split(",") if one]
    fields["targetGroupArns"] = group.get("TargetGroupARNs", [])
    fields["protectFromScaleIn"] = group.get("NewInstancesProtectedFromScaleIn", False)
    fields["availabilityZones"] = group.get("AvailabilityZones", [])
    fields["enabledMetrics"] = [one["Metric"] for one in group.get("EnabledMetrics", ())]
    fields["suspendedProcesses"] = [one["ProcessName"] for one in group.get("SuspendedProcesses", ())]
    fields["tags"] = [lower(one, "Key", "Value", "PropagateAtLaunch") for one in group.get("Tags", ())]
    if template := group.get("LaunchTemplate"):
        fields["launchTemplate"] = _template(template)
    if mixed := group.get("MixedInstancesPolicy"):
        fields["mixedInstancesPolicy"] = deep_lower(mixed)
    return {**{key: bag[key] for key in ("id",) if key in bag}, **fields}


def _template(template: dict[str, Any]) -> Bag:
    shown = {
        "id": template.get("LaunchTemplateId"),
        "name": template.get("LaunchTemplateName"),
        "version": template.get("Version"),
    }
    return {key: one for key, one in shown.items() if one is not None}


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    if found(lambda: _read(cloud, identity, {})):
        cloud("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=identity, ForceDelete=True)


def _sizes(bag: Bag) -> Iterable[str]:
    low, high, wanted = (bag.get(key) for key in ("minSize", "maxSize", "desiredCapacity"))
    if isinstance(low, int) and isinstance(high, int) and isinstance(wanted, int) and not low <= wanted <= high:
        yield f"desiredCapacity: {wanted} is not between {low} and {high}"


_HOOK = (
    "lifecycleTransition",
    "defaultResult",
    "heartbeatTimeout",
    "notificationMetadata",
    "notificationTargetArn",
    "roleArn",
)


def _hook_call(bag: Bag) -> dict[str, Any]:
    call = upper(bag, *_HOOK)
    for name in ("notificationTargetArn", "roleArn"):
        if name in bag:
            call[name[0].upper() + name[1:-3] + "ARN"] = call.pop(name[0].upper() + name[1:])
    return call


def _hook_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    key = {"LifecycleHookName": identity, "AutoScalingGroupName": bag["autoscalingGroupName"]}
    cloud("autoscaling").put_lifecycle_hook(**key, **_hook_call(bag))


def _hook_create(cloud: Cloud, bag: Bag) -> str:
    _hook_settle(cloud, str(bag["name"]), bag)
    return str(bag["name"])


def _hook_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    group = bag["autoscalingGroupName"]
    hooks = found(lambda: cloud("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=group))
    for hook in hooks["LifecycleHooks"] if hooks else ():
        if hook["LifecycleHookName"] == identity:
            fields = lower(hook, *(one[0].upper() + one[1:] for one in _HOOK))
            return {"name": identity, "autoscalingGroupName": group, **fields}
    return None


def _hook_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    if not found(lambda: _read(cloud, bag["autoscalingGroupName"], {})):
        return
    with gone_is_fine():
        cloud("autoscaling").delete_lifecycle_hook(
            LifecycleHookName=identity, AutoScalingGroupName=bag["autoscalingGroupName"]
        )


def _attach_create(cloud: Cloud, bag: Bag) -> str:
    cloud("autoscaling").attach_load_balancer_target_groups(
        AutoScalingGroupName=bag["autoscalingGroupName"], TargetGroupARNs=[bag["lbTargetGroupArn"]]
    )
    return f"{bag['autoscalingGroupName']}-{bag['lbTargetGroupArn']}"


def _attach_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    group = _read(cloud, bag["autoscalingGroupName"], {}) or {}
    if bag["lbTargetGroupArn"] not in group.get("targetGroupArns", ()):
        return None
    return {key: bag[key] for key in ("autoscalingGroupName", "lbTargetGroupArn")}


def _attach_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    if _attach_read(cloud, identity, bag):
        cloud("autoscaling").detach_load_balancer_target_groups(
            AutoScalingGroupName=bag["autoscalingGroupName"], TargetGroupARNs=[bag["lbTargetGroupArn"]]
        )


ROWS = (
    Row(
        type="aws:autoscaling/attachment:Attachment",
        create=_attach_create,
        read=_attach_read,
        delete=_attach_delete,
        replaces=replaces("autoscalingGroupName", "lbTargetGroupArn", "elb"),
        required=("autoscalingGroupName",),
        checks=(one_of("elb", "lbTargetGroupArn"),),
    ),
    Row(
        type="aws:autoscaling/group:Group",
        create=_create,
        finish=_finish,
        settle=_settle,
        update=_update,
        read=_read,
        delete=_delete,
        replaces=replaces("name", "namePrefix"),
        local=frozenset(_LOCAL),
        auto_name="name",
        required=("minSize", "maxSize"),
        checks=(one_of("launchTemplate", "mixedInstancesPolicy", "launchConfiguration"), _sizes),
    ),
    Row(
        type="aws:autoscaling/lifecycleHook:LifecycleHook",
        create=_hook_create,
        settle=_hook_settle,
        read=_hook_read,
        delete=_hook_delete,
        replaces=replaces("name", "autoscalingGroupName"),
        auto_name="name",
        required=("autoscalingGroupName", "lifecycleTransition"),
    ),
)
