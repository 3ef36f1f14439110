"""Roles, policies, instance profiles, OIDC providers: `service/iam/*.go`."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Check, Row, from_tags, lower, matches, replaces, to_tags, upper
from tests.support.aws_provider.values import Bag, has_unknown

_NAME = r"[\w+=,.@-]+"


def _document(name: str) -> Check:
    """The input is JSON with a version and statements, as IAM insists."""

    def check(bag: Bag) -> Iterable[str]:
        text = bag.get(name)
        if not isinstance(text, str) or has_unknown(text):
            return
        try:
            document = json.loads(text)
        except ValueError as error:
            yield f"{name}: no JSON: {error}"
            return
        if document.get("Version") != "2012-10-17" or not document.get("Statement"):
            yield f"{name}: needs Version 2012-10-17 and a Statement"

    return check


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _tag_with(service_call: str, key: str) -> Any:
    def tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
        del bag
        if put:
            getattr(cloud("iam"), f"tag_{service_call}")(**{key: identity}, Tags=to_tags(put))
        if drop:
            getattr(cloud("iam"), f"untag_{service_call}")(**{key: identity}, TagKeys=drop)

    return tag


def _role_create(cloud: Cloud, bag: Bag) -> str:
    call = upper(bag, "path", "description", "maxSessionDuration", "permissionsBoundary")
    made = cloud("iam").create_role(
        RoleName=bag["name"],
        AssumeRolePolicyDocument=bag["assumeRolePolicy"],
        Tags=to_tags(bag.get("tags", {})),
        **call,
    )
    return str(made["Role"]["RoleName"])


def _role_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    iam = cloud("iam")
    if "assumeRolePolicy" in changed:
        iam.update_assume_role_policy(RoleName=identity, PolicyDocument=new["assumeRolePolicy"])
    if changed & {"description", "maxSessionDuration"}:
        iam.update_role(RoleName=identity, **upper(new, "description", "maxSessionDuration"))


def _role_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    iam = cloud("iam")
    answer = found(lambda: iam.get_role(RoleName=identity))
    if answer is None:
        return None
    role = answer["Role"]
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return {
        "name": identity,
        "uniqueId": role["RoleId"],
        "assumeRolePolicy": _text(role["AssumeRolePolicyDocument"]),
        "permissionsBoundary": boundary,
        "tags": from_tags(iam.list_role_tags(RoleName=identity)["Tags"]),
        **lower(role, "Arn", "Path", "Description", "MaxSessionDuration"),
    }


def _role_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("iam").delete_role(RoleName=identity)


def _inline_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    role, name = identity.split(":", 1)
    cloud("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=bag["policy"])


def _inline_create(cloud: Cloud, bag: Bag) -> str:
    identity = f"{bag['role']}:{bag['name']}"
    _inline_settle(cloud, identity, bag)
    return identity


def _inline_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    role, name = identity.split(":", 1)
    answer = found(lambda: cloud("iam").get_role_policy(RoleName=role, PolicyName=name))
    return {"role": role, "name": name, "policy": _text(answer["PolicyDocument"])} if answer else None


def _inline_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    role, name = identity.split(":", 1)
    with gone_is_fine():
        cloud("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _attach_create(cloud: Cloud, bag: Bag) -> str:
    cloud("iam").attach_role_policy(RoleName=bag["role"], PolicyArn=bag["policyArn"])
    return f"{bag['role']}-{bag['policyArn']}"


def _attach_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    answer = found(lambda: cloud("iam").list_attached_role_policies(RoleName=bag["role"]))
    attached = [one["PolicyArn"] for one in answer["AttachedPolicies"]] if answer else []
    return {"role": bag["role"], "policyArn": bag["policyArn"]} if bag["policyArn"] in attached else None


def _attach_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del identity
    with gone_is_fine():
        cloud("iam").detach_role_policy(RoleName=bag["role"], PolicyArn=bag["policyArn"])


def _policy_create(cloud: Cloud, bag: Bag) -> str:
    call = {"PolicyName": bag["name"], "PolicyDocument": bag["policy"], "Tags": to_tags(bag.get("tags", {}))}
    return str(cloud("iam").create_policy(**call, **upper(bag, "path", "description"))["Policy"]["Arn"])


def _policy_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del old
    if "policy" not in changed:
        return
    iam = cloud("iam")
    for one in iam.list_policy_versions(PolicyArn=identity)["Versions"]:
        if not one["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=identity, VersionId=one["VersionId"])
    iam.create_policy_version(PolicyArn=identity, PolicyDocument=new["policy"], SetAsDefault=True)


def _policy_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    iam = cloud("iam")
    answer = found(lambda: iam.get_policy(PolicyArn=identity))
    if answer is None:
        return None
    policy = answer["Policy"]
    version = iam.get_policy_version(PolicyArn=identity, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return {
        "name": policy["PolicyName"],
        "policyId": policy["PolicyId"],
        "policy": unquote(_text(version["Document"])),
        "tags": from_tags(policy.get("Tags", [])),
        **lower(policy, "Arn", "Path", "Description"),
    }


def _policy_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        for one in cloud("iam").list_policy_versions(PolicyArn=identity)["Versions"]:
            if not one["IsDefaultVersion"]:
                cloud("iam").delete_policy_version(PolicyArn=identity, VersionId=one["VersionId"])
        cloud("iam").delete_policy(PolicyArn=identity)


ROWS = (
    Row(
        type="aws:iam/role:Role",
        create=_role_create,
        update=_role_update,
        read=_role_read,
        delete=_role_delete,
        tag=_tag_with("role", "RoleName"),
        replaces=replaces("name", "namePrefix", "path"),
        auto_name="name",
        name_length=64,
        required=("assumeRolePolicy",),
        checks=(_document("assumeRolePolicy"), matches("name", _NAME)),
    ),
    Row(
        type="aws:iam/rolePolicy:RolePolicy",
        create=_inline_create,
        settle=_inline_settle,
        read=_inline_read,
        delete=_inline_delete,
        replaces=replaces("name", "namePrefix", "role"),
        auto_name="name",
        name_length=128,
        required=("role", "policy"),
        checks=(_document("policy"),),
    ),
    Row(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        create=_attach_create,
        read=_attach_read,
        delete=_attach_delete,
        replaces=replaces("role", "policyArn"),
        required=("role", "policyArn"),
    ),
    Row(
        type="aws:iam/policy:Policy",
        create=_policy_create,
        update=_policy_update,
        read=_policy_read,
        delete=_policy_delete,
        tag=_tag_with("policy", "PolicyArn"),
        replaces=replaces("name", "namePrefix", "path", "description"),
        auto_name="name",
        name_length=128,
        required=("policy",),
        checks=(_document("policy"), matches("name", _NAME)),
    ),
)
