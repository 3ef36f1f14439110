"""DNS and certificates: `route53/*.go`, `acm/certificate*.go`."""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, deep_lower, deep_upper, from_tags, lower, replaces, to_tags
from tests.support.aws_provider.values import Bag


def _zone_create(cloud: Cloud, bag: Bag) -> str:
    call: dict[str, Any] = {"Name": bag["name"], "CallerReference": f"berth-{bag['name']}"}
    if "comment" in bag:
        call["HostedZoneConfig"] = {"Comment": bag["comment"]}
    for vpc in bag.get("vpcs", ())[:1]:  # one at creation, which makes the zone private
        call["VPC"] = {"VPCId": vpc["vpcId"], "VPCRegion": vpc.get("vpcRegion", cloud.region)}
        call["HostedZoneConfig"] = {**call.get("HostedZoneConfig", {}), "PrivateZone": True}  # moto wants it said
    made = cloud("route53").create_hosted_zone(**call)
    return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")


def _zone_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    answer = found(lambda: cloud("route53").get_hosted_zone(Id=identity))
    if answer is None:
        return None
    zone = answer["HostedZone"]
    tags = cloud("route53").list_tags_for_resource(ResourceType="hostedzone", ResourceId=identity)
    return {
        "arn": f"arn:aws:route53:::hostedzone/{identity}",
        "zoneId": identity,
        "name": zone["Name"].rstrip("."),
        "comment": zone.get("Config", {}).get("Comment"),
        "vpcs": [{"vpcId": one["VPCId"], "vpcRegion": one["VPCRegion"]} for one in answer.get("VPCs", ())],
        "nameServers": answer.get("DelegationSet", {}).get("NameServers", []),
        "tags": from_tags(tags["ResourceTagSet"]["Tags"]),
    }


def _zone_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    if bag.get("tags"):
        cloud("route53").change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=identity, AddTags=to_tags(bag["tags"])
        )


def _zone_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("route53").delete_hosted_zone(Id=identity)


def _record(bag: Bag) -> dict[str, Any]:
    written: dict[str, Any] = {"Name": bag["name"], "Type": bag["type"]}
    if "records" in bag:
        written |= {"TTL": bag["ttl"], "ResourceRecords": [{"Value": one} for one in bag["records"]]}
    for alias in bag.get("aliases", ()):
        written["AliasTarget"] = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zoneId"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    return written


def _change(cloud: Cloud, zone: str, action: str, record: dict[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    cloud("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def _record_create(cloud: Cloud, bag: Bag) -> str:
    action = "UPSERT" if bag.get("allowOverwrite") else "CREATE"
    _change(cloud, bag["zoneId"], action, _record(bag))
    return f"{bag['zoneId']}_{bag['name'].rstrip('.')}_{bag['type']}"


def _record_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del identity, old
    if changed - {"allowOverwrite"}:
        _change(cloud, new["zoneId"], "UPSERT", _record(new))


def _record_now(cloud: Cloud, bag: Bag) -> dict[str, Any] | None:
    listing = found(lambda: cloud("route53").list_resource_record_sets(HostedZoneId=bag["zoneId"]))
    name = bag["name"].rstrip(".")
    for one in listing["ResourceRecordSets"] if listing else ():
        # Route 53 writes the star of a wildcard as \052.
        if one["Name"].rstrip(".").replace("\\052", "*") == name and one["Type"] == bag["type"]:
            return dict(one)
    return None


def _record_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    now = _record_now(cloud, bag)
    if now is None:
        return None
    shown: Bag = {"zoneId": bag["zoneId"], "name": bag["name"], "type": bag["type"], "fqdn": bag["name"].rstrip(".")}
    if now.get("ResourceRecords"):
        shown |= {"ttl": now.get("TTL"), "records": [one["Value"] for one in now["ResourceRecords"]]}
    if alias := now.get("AliasTarget"):
        target = {"name": alias["DNSName"].rstrip("."), "zoneId": alias["HostedZoneId"]}
        shown["aliases"] = [{**target, "evaluateTargetHealth": alias["EvaluateTargetHealth"]}]
    return shown


def _record_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del identity
    if now := _record_now(cloud, bag):
        _change(cloud, bag["zoneId"], "DELETE", now)


def _certificate_create(cloud: Cloud, bag: Bag) -> str:
    names = ("domainName", "validationMethod", "subjectAlternativeNames", "keyAlgorithm", "options")
    tags = {"Tags": to_tags(bag["tags"])} if bag.get("tags") else {}
    made = cloud("acm").request_certificate(**deep_upper(_only(bag, names)), **tags)
    return str(made["CertificateArn"])


def _only(bag: Bag, names: tuple[str, ...]) -> Bag:
    return {name: bag[name] for name in names if name in bag}


def _certificate_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    answer = found(lambda: cloud("acm").describe_certificate(CertificateArn=identity))
    if answer is None:
        return None
    certificate = answer["Certificate"]
    options = []
    for one in certificate.get("DomainValidationOptions", ()):
        record = one.get("ResourceRecord", {})
        options.append(
            {
                "domainName": one["DomainName"],
                "resourceRecordName": record.get("Name", ""),
                "resourceRecordType": record.get("Type", ""),
                "resourceRecordValue": record.get("Value", ""),
            }
        )
    tags = cloud("acm").list_tags_for_certificate(CertificateArn=identity)["Tags"]
    fields = lower(certificate, "DomainName", "Status", "KeyAlgorithm")
    names = [one for one in certificate.get("SubjectAlternativeNames", ()) if one != certificate["DomainName"]]
    return {
        "arn": identity,
        "validationMethod": certificate["DomainValidationOptions"][0].get("ValidationMethod", "DNS"),
        "subjectAlternativeNames": names,
        "domainValidationOptions": options,
        "options": deep_lower(certificate.get("Options", {})),
        "tags": from_tags(tags),
        **fields,
    }


def _certificate_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("acm").delete_certificate(CertificateArn=identity)


def _certificate_tag(cloud: Cloud, identity: str, bag: Bag, put: dict[str, str], drop: list[str]) -> None:
    del bag
    if put:
        cloud("acm").add_tags_to_certificate(CertificateArn=identity, Tags=to_tags(put))
    if drop:
        cloud("acm").remove_tags_from_certificate(CertificateArn=identity, Tags=[{"Key": key} for key in drop])


def _wait_create(cloud: Cloud, bag: Bag) -> str:
    """Nothing is made: the real provider waits here until the certificate is issued; moto needs no proof."""
    cloud("acm").describe_certificate(CertificateArn=bag["certificateArn"])
    return f"{bag['certificateArn']} issued"


def _wait_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del identity
    there = found(lambda: cloud("acm").describe_certificate(CertificateArn=bag["certificateArn"]))
    return {"certificateArn": bag["certificateArn"]} if there else None


ROWS = (
    Row(
        type="aws:route53/zone:Zone",
        create=_zone_create,
        settle=_zone_settle,
        read=_zone_read,
        delete=_zone_delete,
        replaces=replaces("name", "delegationSetId"),
        local=frozenset({"forceDestroy"}),
    ),
    Row(
        type="aws:route53/record:Record",
        create=_record_create,
        update=_record_update,
        read=_record_read,
        delete=_record_delete,
        replaces=replaces("zoneId", "name", "setIdentifier"),
        local=frozenset({"allowOverwrite"}),
        required=("zoneId", "name", "type"),
    ),
    Row(
        type="aws:acm/certificate:Certificate",
        create=_certificate_create,
        read=_certificate_read,
        delete=_certificate_delete,
        tag=_certificate_tag,
        replaces=replaces("domainName", "validationMethod", "subjectAlternativeNames", "keyAlgorithm"),
    ),
    Row(
        type="aws:acm/certificateValidation:CertificateValidation",
        create=_wait_create,
        read=_wait_read,
        replaces=replaces("certificateArn", "validationRecordFqdns"),
        local=frozenset({"validationRecordFqdns"}),
        required=("certificateArn",),
    ),
)
