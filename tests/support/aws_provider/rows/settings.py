"""Budgets, topics, parameters, secrets, log groups: `budgets/budget.go`, `sns/topic*.go`, `ssm/parameter.go` …"""

from typing import Any

from tests.support.aws_provider.cloud import Cloud, found, gone_is_fine
from tests.support.aws_provider.model import Row, from_tags, lower, matches, replaces, to_tags, upper
from tests.support.aws_provider.values import Bag


def _notification(one: Bag) -> dict[str, Any]:
    kinds = {"EMAIL": "subscriberEmailAddresses", "SNS": "subscriberSnsTopicArns"}
    return {
        "Notification": upper(one, "notificationType", "comparisonOperator", "threshold", "thresholdType"),
        "Subscribers": [
            {"SubscriptionType": kind, "Address": address}
            for kind, key in kinds.items()
            for address in one.get(key, ())
        ],
    }


def _budget_create(cloud: Cloud, bag: Bag) -> str:
    amount = {"Amount": bag["limitAmount"], "Unit": bag["limitUnit"]}
    budget = {"BudgetName": bag["name"], "BudgetLimit": amount, **upper(bag, "budgetType", "timeUnit")}
    cloud("budgets").create_budget(
        AccountId=cloud.account,
        Budget=budget,
        NotificationsWithSubscribers=[_notification(one) for one in bag.get("notifications", ())],
    )
    return f"{cloud.account}:{bag['name']}"


def _budget_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    """Make it anew: moto has no UpdateBudget."""
    del changed
    _budget_delete(cloud, identity, old)
    _budget_create(cloud, new)


def _budget_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    name = identity.split(":", 1)[1]
    budgets = cloud("budgets")
    account = cloud.account
    answer = found(lambda: budgets.describe_budget(AccountId=account, BudgetName=name))
    if answer is None:
        return None
    budget = answer["Budget"]
    notes = budgets.describe_notifications_for_budget(AccountId=account, BudgetName=name)["Notifications"]
    return {
        "arn": f"arn:aws:budgets::{account}:budget/{name}",
        "accountId": account,
        "name": name,
        "limitAmount": budget["BudgetLimit"]["Amount"],
        "limitUnit": budget["BudgetLimit"]["Unit"],
        "notifications": [
            lower(one, "NotificationType", "ComparisonOperator", "Threshold", "ThresholdType") for one in notes
        ],
        **lower(budget, "BudgetType", "TimeUnit"),
    }


def _budget_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("budgets").delete_budget(AccountId=cloud.account, BudgetName=identity.split(":", 1)[1])


def _topic_create(cloud: Cloud, bag: Bag) -> str:
    return str(cloud("sns").create_topic(Name=bag["name"], Tags=to_tags(bag.get("tags", {})))["TopicArn"])


_TOPIC = {"policy": "Policy", "kmsMasterKeyId": "KmsMasterKeyId", "displayName": "DisplayName"}


def _topic_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    for key, name in _TOPIC.items():
        if key in bag:
            cloud("sns").set_topic_attributes(TopicArn=identity, AttributeName=name, AttributeValue=bag[key])


def _topic_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    answer = found(lambda: cloud("sns").get_topic_attributes(TopicArn=identity))
    if answer is None:
        return None
    attributes = answer["Attributes"]
    tags = cloud("sns").list_tags_for_resource(ResourceArn=identity)["Tags"]
    shown = {key: attributes[name] for key, name in _TOPIC.items() if name in attributes}
    return {"arn": identity, "name": identity.rsplit(":", 1)[-1], "tags": from_tags(tags), **shown}


def _topic_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("sns").delete_topic(TopicArn=identity)


def _subscription_create(cloud: Cloud, bag: Bag) -> str:
    made = cloud("sns").subscribe(
        TopicArn=bag["topic"], Protocol=bag["protocol"], Endpoint=bag["endpoint"], ReturnSubscriptionArn=True
    )
    return str(made["SubscriptionArn"])


def _subscription_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    answer = found(lambda: cloud("sns").get_subscription_attributes(SubscriptionArn=identity))
    if answer is None:
        return None
    given = answer["Attributes"]
    return {"arn": identity, "topic": given["TopicArn"], "protocol": given["Protocol"], "endpoint": given["Endpoint"]}


def _subscription_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("sns").unsubscribe(SubscriptionArn=identity)


def _parameter_create(cloud: Cloud, bag: Bag) -> str:
    tags = {"Tags": to_tags(bag["tags"])} if bag.get("tags") else {}
    cloud("ssm").put_parameter(**_parameter(bag), **tags)
    return str(bag["name"])


def _parameter(bag: Bag) -> dict[str, Any]:
    return {"Value": bag.get("value", bag.get("insecureValue")), **upper(bag, "name", "type", "description", "tier")}


def _parameter_update(cloud: Cloud, identity: str, old: Bag, new: Bag, changed: set[str]) -> None:
    del identity, old
    if changed - {"tags"}:
        cloud("ssm").put_parameter(**_parameter(new), Overwrite=True)


def _parameter_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    answer = found(lambda: cloud("ssm").get_parameter(Name=identity, WithDecryption=True))
    if answer is None:
        return None
    parameter = answer["Parameter"]
    tags = cloud("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=identity)["TagList"]
    key = "insecureValue" if "insecureValue" in bag else "value"
    shown = {"arn": parameter["ARN"], key: parameter["Value"], "tags": from_tags(tags)}
    return {**shown, **lower(parameter, "Name", "Type", "Version")}


def _parameter_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("ssm").delete_parameter(Name=identity)


def _logs_create(cloud: Cloud, bag: Bag) -> str:
    cloud("logs").create_log_group(logGroupName=bag["name"], tags=bag.get("tags", {}))
    return str(bag["name"])


def _logs_settle(cloud: Cloud, identity: str, bag: Bag) -> None:
    if bag.get("retentionInDays"):
        cloud("logs").put_retention_policy(logGroupName=identity, retentionInDays=bag["retentionInDays"])
    if bag.get("kmsKeyId"):
        cloud("logs").associate_kms_key(logGroupName=identity, kmsKeyId=bag["kmsKeyId"])


def _logs_read(cloud: Cloud, identity: str, bag: Bag) -> Bag | None:
    del bag
    for group in cloud("logs").describe_log_groups(logGroupNamePrefix=identity)["logGroups"]:
        if group["logGroupName"] == identity:
            arn = str(group["arn"]).removesuffix(":*")
            tags = cloud("logs").list_tags_for_resource(resourceArn=arn)["tags"]
            fields = {key: group[key] for key in ("retentionInDays", "kmsKeyId") if key in group}
            return {"arn": arn, "name": identity, "tags": tags, **fields}
    return None


def _logs_delete(cloud: Cloud, identity: str, bag: Bag) -> None:
    del bag
    with gone_is_fine():
        cloud("logs").delete_log_group(logGroupName=identity)


ROWS = (
    Row(
        type="aws:budgets/budget:Budget",
        create=_budget_create,
        update=_budget_update,
        read=_budget_read,
        delete=_budget_delete,
        replaces=replaces("accountId", "name", "namePrefix", "budgetType"),
        auto_name="name",
        name_length=100,
    ),
    Row(
        type="aws:sns/topic:Topic",
        create=_topic_create,
        settle=_topic_settle,
        read=_topic_read,
        delete=_topic_delete,
        replaces=replaces("name", "namePrefix", "fifoTopic"),
        auto_name="name",
    ),
    Row(
        type="aws:sns/topicSubscription:TopicSubscription",
        create=_subscription_create,
        read=_subscription_read,
        delete=_subscription_delete,
        replaces=replaces("topic", "protocol", "endpoint"),
    ),
    Row(
        type="aws:ssm/parameter:Parameter",
        create=_parameter_create,
        update=_parameter_update,
        read=_parameter_read,
        delete=_parameter_delete,
        replaces=replaces("name", "dataType"),
        auto_name="name",
        checks=(matches("type", "String|StringList|SecureString"),),
    ),
    Row(
        type="aws:cloudwatch/logGroup:LogGroup",
        create=_logs_create,
        settle=_logs_settle,
        read=_logs_read,
        delete=_logs_delete,
        replaces=replaces("name", "namePrefix", "logGroupClass"),
        local=frozenset({"skipDestroy"}),
        auto_name="name",
    ),
)
