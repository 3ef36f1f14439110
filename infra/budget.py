"""The monthly budget: AWS mails an alarm before it is spent and when it is; it stops nothing."""

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import budgets

from infra.label import Label

_WARNINGS = (("ACTUAL", 80), ("FORECASTED", 100), ("ACTUAL", 100))
"""Money spent, or forecast for the whole month, in percent of the limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetArgs:
    """How much a month may cost, and who is told."""

    label: Label
    usd_month: int
    alarm_email: str


class Budget(pulumi.ComponentResource):
    """A monthly budget of the whole account.

    It does not filter by the stack's tag: AWS counts a tag only after somebody has activated it in the billing
    console, and until then such a budget would stay at zero.
    """

    def __init__(self, name: str, args: BudgetArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:budget:Budget", name, None, opts)
        warnings: list[budgets.BudgetNotificationArgsDict] = [
            {
                "comparison_operator": "GREATER_THAN",
                "notification_type": kind,
                "threshold": percent,
                "threshold_type": "PERCENTAGE",
                "subscriber_email_addresses": [args.alarm_email],
            }
            for kind, percent in _WARNINGS
        ]
        budgets.Budget(
            f"{name}-monthly",
            name=args.label.name("monthly"),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.usd_month),
            limit_unit="USD",
            notifications=warnings,
            tags=args.label.tags("budget"),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})
