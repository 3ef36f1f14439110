"""Launch templates: `ec2_launch_template.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, gone_is_fine
from tests.support.aws_provider.model import Row, deep_lower, deep_upper, from_tags, replaces, to_tags
from tests.support.aws_provider.rows.network import first, specification, tag
from tests.support.aws_provider.values import Bag

_OWN = ("name", "namePrefix", "description", "tags", "updateDefaultVersion", "defaultVersion", "region")
"""Inputs that are not the template's content."""
_RENAMED = {"vpcSecurityGroupIds": "securityGroupIds"}
_ITSELF = "launch-template"
_FLAGS = {"Encrypted", "DeleteOnTermination", "EbsOptimized", "AssociatePublicIpAddress", "AssociateCarrierIpAddress"}
"""Pulumi writes these as text, for "unset" is a third value."""


def _content(bag: Bag) -> dict[str, Any]:
    """Give the template's content as EC2 takes it."""
    inputs = {_RENAMED.get(key, key): one for key, one in bag.items() if key in _inputs(bag)}
    content: dict[str, Any] = _flags(deep_upper(inputs), str_to_bool=True)
    for card in content.get("NetworkInterfaces", ()):
        if "SecurityGroups" in card:
            card["Groups"] = card.pop("SecurityGroups")
    raw = bag.get("tagSpecifications", ())
    for written, one in zip(content.get("TagSpecifications", ()), raw, strict=True):
        written["Tags"] = to_tags(one["tags"])
    return content


def _inputs(bag: Bag) -> set[str]:
    outputs = {"arn", "latestVersion", "tagsAll", "id"}
    return {key for key in bag if key not in _OWN and key not in outputs and not key.startswith("__")}


def _flags(value: Any, *, str_to_bool: bool) -> Any:
    if isinstance(value, dict):
        return {
            key: _flag(one, str_to_bool=str_to_bool) if key in _FLAGS else _flags(one, str_to_bool=str_to_bool)
            for key, one in value.items()
        }
    return [_flags(one, str_to_bool=str_to_bool) for one in value] if isinstance(value, list) else value


def _flag(value: Any, *, str_to_bool: bool) -> Any:
    text = str(value).lower()
    return text == "true" if str_to_bool else text


def _create(cloud: Cloud, bag: Bag) -> str:
    call = {"VersionDescription": bag["description"]} if "description" in bag else {}
    made = cloud("ec2").create_launch_template(
        LaunchTemplateName=bag["name"],
        LaunchTemplateData=_content(bag),
        TagSpecifications=specification(_ITSELF, bag),
        **call,
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if not changed - {"tags", "updateDefaultVersion", "defaultVersion"}:
        return
    call = {"VersionDescription": new["description"]} if "description" in new else {}
    inputs = {key: one for key, one in new.items() if key in _inputs(new)}
    made = cloud("ec2").create_launch_template_version(
        LaunchTemplateId=identity, LaunchTemplateData=_content(inputs), **call
    )
    if new.get("updateDefaultVersion"):
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        cloud("ec2").modify_launch_template(LaunchTemplateId=identity, DefaultVersion=number)


def _read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    template = first(cloud, "describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[identity])
    if template is None:
        return None
    latest = template["LatestVersionNumber"]
    version = cloud("ec2").describe_launch_template_versions(LaunchTemplateId=identity, Versions=[str(latest)])
    content = version["LaunchTemplateVersions"][0]
    return {
        "arn": cloud.arn("ec2", f"launch-template/{identity}"),
        "name": template["LaunchTemplateName"],
        "latestVersion": latest,
        "defaultVersion": template["DefaultVersionNumber"],
        "description": content.get("VersionDescription"),
        "tags": from_tags(template.get("Tags", [])),
        **_shown(content["LaunchTemplateData"]),
    }


def _shown(data: dict[str, Any]) -> Bag:
    """Give EC2's content as Pulumi's inputs."""
    if specifications := data.get("TagSpecifications"):
        # moto puts the template's own tags among those of what it launches
        data = data | {"TagSpecifications": [one for one in specifications if one["ResourceType"] != _ITSELF]}
    fields: Bag = deep_lower(_flags(data, str_to_bool=False))
    for here, there in _RENAMED.items():
        if there in fields:
            fields[here] = fields.pop(there)
    for card in fields.get("networkInterfaces", ()):
        if "groups" in card:
            card["securityGroups"] = card.pop("groups")
    for shown, raw in zip(fields.get("tagSpecifications", ()), data.get("TagSpecifications", ()), strict=True):
        shown["tags"] = from_tags(raw["Tags"])
    return fields


def _delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ec2").delete_launch_template(LaunchTemplateId=identity)


ROWS = (
    Row(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        create=_create,
        update=_update,
        read=_read,
        delete=_delete,
        tag=tag,
        replaces=replaces("name", "namePrefix"),
        recomputed=("latestVersion",),
        local=frozenset({"updateDefaultVersion"}),
        auto_name="name",
        name_length=128,
    ),
)
