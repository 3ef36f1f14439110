"""Instance profiles and OIDC providers: `iam/instance_profile.go`, `iam/openid_connect_provider.go`."""

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, matches, replaces, to_tags, upper
from tests.support.aws_provider.values import Bag

_SHA1 = 40  # characters of a thumbprint


def _profile_create(cloud: Cloud, bag: Bag) -> str:
    tags = to_tags(bag.get("tags", {}))
    cloud("iam").create_instance_profile(InstanceProfileName=bag["name"], Tags=tags, **upper(bag, "path"))
    return str(bag["name"])


def _profile_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    iam = cloud("iam")
    held = [
        one["RoleName"] for one in iam.get_instance_profile(InstanceProfileName=identity)["InstanceProfile"]["Roles"]
    ]
    wanted = [bag["role"]] if bag.get("role") else []
    for role in held:
        if role not in wanted:
            iam.remove_role_from_instance_profile(InstanceProfileName=identity, RoleName=role)
    for role in wanted:
        if role not in held:
            iam.add_role_to_instance_profile(InstanceProfileName=identity, RoleName=role)


def _profile_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    iam = cloud("iam")
    answer = found(lambda: iam.get_instance_profile(InstanceProfileName=identity))
    if answer is None:
        return None
    profile = answer["InstanceProfile"]
    return {
        "name": identity,
        "uniqueId": profile["InstanceProfileId"],
        "role": profile["Roles"][0]["RoleName"] if profile["Roles"] else None,
        "tags": from_tags(profile.get("Tags", [])),
        **lower(profile, "Arn", "Path"),
    }


def _profile_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    _profile_settle_gone(cloud, identity, bag)
    with gone_is_fine():
        cloud("iam").delete_instance_profile(InstanceProfileName=identity)


def _profile_settle_gone(cloud: Cloud, identity: str, bag: Bag) -> None:
    with gone_is_fine():
        _profile_settle(cloud, identity, {**bag, "role": None})


def _profile_tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del bag
    if put:
        cloud("iam").tag_instance_profile(InstanceProfileName=identity, Tags=to_tags(put))
    if drop:
        cloud("iam").untag_instance_profile(InstanceProfileName=identity, TagKeys=drop)


def _oidc_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("iam").create_open_id_connect_provider(
        Url=bag["url"],
        ClientIDList=bag["clientIdLists"],
        ThumbprintList=bag.get("thumbprintLists", ["0" * _SHA1]),  # AWS looks it up itself where none is given
        Tags=to_tags(bag.get("tags", {})),
    )
    return str(made["OpenIDConnectProviderArn"])


def _oidc_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    answer = found(lambda: cloud("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=identity))
    if answer is None:
        return None
    url = str(answer["Url"]).removeprefix("https://")
    return {
        "arn": identity,
        "url": f"https://{url}" if str(bag.get("url", "")).startswith("https://") else url,
        "clientIdLists": answer["ClientIDList"],
        "thumbprintLists": answer["ThumbprintList"],
        "tags": from_tags(answer.get("Tags", [])),
    }


def _oidc_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    iam = cloud("iam")
    key = {"OpenIDConnectProviderArn": identity}
    if "thumbprintLists" in changed:
        iam.update_open_id_connect_provider_thumbprint(**key, ThumbprintList=new["thumbprintLists"])
    before, after = set(old["clientIdLists"]), set(new["clientIdLists"])
    for client in sorted(after - before):
        iam.add_client_id_to_open_id_connect_provider(**key, ClientID=client)
    for client in sorted(before - after):
        iam.remove_client_id_from_open_id_connect_provider(**key, ClientID=client)


def _oidc_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=identity)


def _oidc_tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del bag
    key = {"OpenIDConnectProviderArn": identity}
    if put:
        cloud("iam").tag_open_id_connect_provider(**key, Tags=to_tags(put))
    if drop:
        cloud("iam").untag_open_id_connect_provider(**key, TagKeys=drop)


ROWS = (
    Row(
        type="aws:iam/instanceProfile:InstanceProfile",
        create=_profile_create,
        settle=_profile_settle,
        read=_profile_read,
        delete=_profile_delete,
        tag=_profile_tag,
        replaces=replaces("name", "namePrefix", "path"),
        auto_name="name",
        name_length=128,
    ),
    Row(
        type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        create=_oidc_create,
        update=_oidc_update,
        read=_oidc_read,
        delete=_oidc_delete,
        tag=_oidc_tag,
        replaces=replaces("url"),
        required=("url", "clientIdLists"),
        checks=(matches("url", r"https://[^ ]+"),),
    ),
)
