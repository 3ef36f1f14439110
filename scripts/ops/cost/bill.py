"""Adds up what a stack costs, and says what has no price and what is left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.ops.cost.lines import Line, idle_pools, lines, month_at_most
from scripts.ops.cost.prices import HOURS_PER_MONTH, Price, Source

if TYPE_CHECKING:  # imports pulumi, which `berth` itself does not need
    from infra.config.stack import StackConfig

LEFT_OUT = (
    "data: transfer to the internet and between zones, and each GB through NAT, load balancer and endpoints",
    "storage and requests: S3, flow logs, CloudWatch, KMS requests, Route 53's zone and queries",
    "capacity blocks, which are paid when they are bought",
    "discounts, savings plans, free tiers, support and taxes",
)
"""Printed under every table: costs that depend on use, or on your contract."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What a stack costs at its desired sizes, without traffic."""

    stack: str
    region: str
    lines: tuple[Line, ...]
    budget_usd_month: int
    usd_month_at_most: float
    """With every pool at its `max`, all on-demand."""
    idle_pools: tuple[str, ...]
    """Pools that are paid for, and on which nothing runs."""

    @property
    def usd_month(self) -> float:
        """Dollars a month, of the lines that have a price."""
        return sum(one.usd_month or 0 for one in self.lines)

    @property
    def usd_month_on_demand(self) -> float:
        """The same with on-demand prices for spot instances."""
        return sum(_at(one, one.on_demand) for one in self.lines)

    @property
    def unpriced(self) -> tuple[Line, ...]:
        """Lines that are paid for, at a price that no source gave."""
        return tuple(one for one in self.lines if one.count and one.price is None)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the prices, each once."""
        used = (price.source for line in self.lines for price in (line.price, line.on_demand, line.spot) if price)
        return tuple(dict.fromkeys(used))


def bill(config: "StackConfig") -> Bill:
    """Add everything up."""
    found = tuple(lines(config))
    return Bill(
        stack=config.stack,
        region=config.region,
        lines=found,
        budget_usd_month=config.budget_usd_month,
        usd_month_at_most=month_at_most(config),
        idle_pools=tuple(idle_pools(config)),
    )


def _at(line: Line, on_demand: Price | None) -> float:
    if line.is_instance:
        return line.count * (on_demand.usd if on_demand else 0) * HOURS_PER_MONTH
    return line.usd_month or 0


def sentences(bill: Bill) -> Iterator[str]:
    """Say the sums, what has no price, and what is left out."""
    hour = bill.usd_month / HOURS_PER_MONTH
    yield f"\ntotal {hour:,.2f} an hour, {bill.usd_month:,.2f} a month (budget: {bill.budget_usd_month:,})"
    yield f"all on-demand {bill.usd_month_on_demand:,.2f} a month; every pool at its max {bill.usd_month_at_most:,.2f}"
    for line in bill.unpriced:
        yield f"unpriced: {line.what} ({line.detail}): no source says what it costs in {bill.region}"
    for pool in bill.idle_pools:
        yield f"idle: pool {pool} is paid for, and no service runs on it"
    for what in LEFT_OUT:
        yield f"left out: {what}"
    for number, source in enumerate(bill.sources, 1):
        yield f"source {number}: {source.url} ({source.as_of})"


def to_json(bill: Bill) -> dict[str, Any]:
    """Give the bill as JSON values, for programs."""
    return {
        "stack": bill.stack,
        "region": bill.region,
        "currency": "USD",
        "hours_per_month": HOURS_PER_MONTH,
        "lines": [_line_json(line) for line in bill.lines],
        "usd_hour": round(bill.usd_month / HOURS_PER_MONTH, 4),
        "usd_month": round(bill.usd_month, 2),
        "usd_month_on_demand": round(bill.usd_month_on_demand, 2),
        "usd_month_at_most": round(bill.usd_month_at_most, 2),
        "budget_usd_month": bill.budget_usd_month,
        "unpriced": [f"{line.what} ({line.detail})" for line in bill.unpriced],
        "idle_pools": list(bill.idle_pools),
        "left_out": list(LEFT_OUT),
        "sources": [{"url": source.url, "as_of": source.as_of} for source in bill.sources],
    }


def _line_json(line: Line) -> dict[str, Any]:
    each = {name: price.usd if price else None for name, price in (("on_demand", line.on_demand), ("spot", line.spot))}
    return {
        "what": line.what,
        "of": line.detail,
        "count": line.count,
        "usd_each": line.price.usd if line.price else None,
        "per": "month" if line.per_month else "hour",
        **({f"usd_each_{name}": usd for name, usd in each.items()} if line.is_instance else {}),
        "usd_hour": None if line.usd_hour is None else round(line.usd_hour, 4),
        "usd_month": None if line.usd_month is None else round(line.usd_month, 2),
        "as_of": line.price.source.as_of if line.price else None,
    }
