"""The verb `cost`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from scripts.ops import cost
from scripts.ops.cost.prices import HOURS_PER_MONTH, Price

_TITLES = ("what", "of", "count", "on-demand", "spot", "hour", "month", "source")
_TEXTS = 2
"""How many columns hold words; the others are numbers, set to the right."""


def run(
    stack: Annotated[str, typer.Argument(help="dev, prod: whichever has a Pulumi.<stack>.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say what STACK costs an hour and a month.

    Counts what its configuration describes, and names the source of each price. Asks no account.
    """
    bill = cost.bill(cost.config_of(stack))
    if as_json:
        typer.echo(json.dumps(cost.to_json(bill), indent=2))
        return
    typer.echo(f"stack {stack} in {bill.region}, US dollars, {HOURS_PER_MONTH} hours a month\n")
    for row in (*_table(bill), *cost.sentences(bill)):
        typer.echo(row)


def _table(bill: cost.Bill) -> Iterator[str]:
    """Lay the table out in full, however narrow the terminal: a long line wraps, and no figure is cut off."""
    rows = [_TITLES, *(_row(bill, line) for line in bill.lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(
            cell.ljust(width) if place < _TEXTS else cell.rjust(width) for place, (cell, width) in enumerate(cells)
        )


def _row(bill: cost.Bill, line: cost.Line) -> tuple[str, ...]:
    each = (_each(line.on_demand), _each(line.spot)) if line.is_instance else (_each(line.price), "")
    read = str(bill.sources.index(line.price.source) + 1) if line.price else ""
    return line.what, line.detail, f"{line.count:g}", *each, _usd(line.usd_hour), _usd(line.usd_month), read


def _each(price: Price | None) -> str:
    return "unpriced" if price is None else f"{price.usd:.4f}"


def _usd(amount: float | None) -> str:
    return "unpriced" if amount is None else f"{amount:,.2f}"
