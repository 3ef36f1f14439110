"""What moto lacks altogether: such a resource lives in Pulumi's state only, and each one is accounted for."""

import uuid

from tests.support.aws_provider import account
from tests.support.aws_provider.cloud import Cloud
from tests.support.aws_provider.model import Row, replaces
from tests.support.aws_provider.values import Bag


def _row(kind: str, *fixed: str, name: str = "", prefix: str = "") -> Row:
    """Make a row that only remembers; its ID is the input `name`, or made up from `prefix`."""

    def create(cloud: Cloud, bag: Bag) -> str:
        del cloud
        account.kept(kind, "*", "moto has nothing like it")
        return str(bag[name]) if name else f"{prefix}-{uuid.uuid4().hex[:17]}"

    def read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
        arn = cloud.arn(kind.split(":")[1].split("/", maxsplit=1)[0], identity)
        return {"arn": arn, **{key: one for key, one in bag.items() if not key.startswith("__")}}

    return Row(type=kind, create=create, read=read, replaces=replaces(name, *fixed), auto_name=name)


ROWS = (_row("aws:ec2/placementGroup:PlacementGroup", "strategy", "partitionCount", "spreadLevel", name="name"),)
