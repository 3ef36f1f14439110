from infra.budget import Budget, BudgetArgs
from infra.label import Label
from tests.support.graph import record


def test_the_team_is_told_before_the_money_is_spent_and_when_it_is() -> None:
    args = BudgetArgs(label=Label("prod"), usd_month=1000, alarm_email="team@example.com")
    budget = record(lambda: Budget("budget", args), stack="prod")["budget-monthly"].inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("1000", "USD", "MONTHLY")
    told = [(one["notificationType"], one["threshold"], one["thresholdType"]) for one in budget["notifications"]]
    assert told == [("ACTUAL", 80, "PERCENTAGE"), ("FORECASTED", 100, "PERCENTAGE"), ("ACTUAL", 100, "PERCENTAGE")]
    for one in budget["notifications"]:
        assert one["subscriberEmailAddresses"] == ["team@example.com"]
        assert one["comparisonOperator"] == "GREATER_THAN"
    # By tag it would stay at zero until somebody activates the tag in the billing console.
    assert "costFilters" not in budget
