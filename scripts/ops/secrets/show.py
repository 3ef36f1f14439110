"""Prints what there is of secrets: tables for people, JSON for programs. Nothing here ever has a value."""

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nomad_jobs.platform import Platform
from scripts.ops.secrets import history
from scripts.ops.secrets.changing import Brought
from scripts.ops.secrets.expiry import Expiry
from scripts.ops.secrets.history import History, Written, span
from scripts.ops.secrets.inventory import Entry, Inventory

_NAME_WIDTH = 26
"""Names of secrets are not cut on a terminal of 80 columns."""
_STYLES = {"expired": "red", "within 1 d": "red", "within 7 d": "yellow", "within 30 d": "yellow"}


def show_brought(done: Brought, platform: Platform, *, as_json: bool) -> None:
    """Print what became of a version: who uses it, and who gets it from a deployment."""
    to_deploy = [one.name for one in done.to_deploy]
    if as_json:
        row = {"name": done.secret.name, "version": done.version, "is_held": done.is_held, "to_deploy": to_deploy}
        _print_json({**row, "instances": [asdict(one) for one in done.instances]})
        return
    console = Console(highlight=False)
    if done.instances:
        console.print(_table(("service", "node", "instance", "version"), map(_instance(done), done.instances)))
    for line in _lines(done, to_deploy, platform):
        console.print(line, markup=False, soft_wrap=True)


def _instance(done: Brought) -> Any:
    return lambda one: (one.service, one.node, one.allocation[:8], str(one.versions[done.secret.name]))


def _lines(done: Brought, to_deploy: Sequence[str], platform: Platform) -> Iterator[str]:
    name, version, stack = done.secret.name, done.version, platform.stack
    if done.is_held:
        brings = f"`berth secrets pin {name} newest {stack}` brings it"
        yield f"{name} has version {version}, which nobody uses yet: {brings}"
        return
    yield f"{name} has version {version}" if not done.instances else f"version {version} is in use by all of them"
    if to_deploy:
        yield f"instances of {', '.join(to_deploy)} read it when they begin: `berth deploy {stack}` brings it to them"


def show_list(found: Inventory, *, as_json: bool) -> None:
    """Print a row for each secret, then what is wrong, then what could not be seen."""
    if as_json:
        _print_json({"secrets": [_entry_row(one) for one in found.entries], "notes": found.notes})
        return
    console = Console(highlight=False)
    columns = ("name", "version", "age", "written by", "read by", "running")
    console.print(_table(columns, map(_row, found.entries)))
    for one in found.entries:
        _show_problems(one, console)
    _show_notes(found.notes, console)


def show_metadata(found: Inventory, *, as_json: bool) -> None:
    """Print everything that is known of one secret but its value."""
    (entry,) = found.entries
    if as_json:
        _print_json({**_entry_row(entry), "notes": found.notes})
        return
    console = Console(highlight=False)
    facts = _table(("", ""), _facts(entry))
    facts.show_header = False
    console.print(facts)
    columns = ("version", "written", "by", "state", "running")
    console.print(_table(columns, (_version_row(one, entry) for one in reversed(entry.history.versions))))
    _show_problems(entry, console)
    _show_notes(found.notes, console)


def show_expiry(rows: Sequence[Expiry], *, as_json: bool) -> None:
    """Print what expires, the nearest end first."""
    now = history.now()
    if as_json:
        _print_json([{**asdict(one), "days_left": one.days_left(now), "warning": one.warning(now)} for one in rows])
        return
    table = _table(("kind", "name", "age", "ends", "left", "read by"), ())
    for one in rows:
        table.add_row(*map(escape, _ending(one, now)), style=_STYLES.get(one.warning(now), ""))
    Console(highlight=False).print(table)


def _ending(one: Expiry, now: dt.datetime) -> tuple[str, ...]:
    name = f"{one.name}\n  {one.note}" if one.note else one.name
    age = span(now - one.begun) if one.begun else "-"
    if one.ends is None:
        return one.kind, name, age, "-", "-", "\n".join(one.readers)
    left = span(one.ends - now) if one.ends > now else "expired"
    return one.kind, name, age, f"{one.ends:%Y-%m-%d}", left, "\n".join(one.readers)


def _row(entry: Entry) -> tuple[str, ...]:
    kept = entry.history
    in_use = kept.in_use
    age, by = (in_use.age(history.now()), in_use.by) if in_use else ("-", "-")
    return entry.secret.name, _version(kept), age, by, _read_by(entry), entry.has() if entry.secret.readers else ""


def _version(kept: History) -> str:
    if not kept.current:
        return "none"
    return f"{kept.pinned} pinned" if kept.pinned else str(kept.current)


def _read_by(entry: Entry) -> str:
    names = [one.service.name for one in entry.secret.readers]
    return "\n".join(names) or ("nodes" if entry.secret.is_known else "nobody")


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "name", entry.secret.name
    yield "version", _version(entry.history)
    yield "fields", ", ".join(sorted(entry.fields)) or "-"
    for one in entry.secret.readers:
        how = "follows new versions" if one.follows and not one.reads_once else "reads it when it begins"
        yield "read by", f"{one.service.name}, which {how}"
    if not entry.secret.readers:
        yield "read by", _read_by(entry)
    if entry.followed is not None:
        yield "pin in Consul", f"version {entry.followed}"


def _version_row(one: Written, entry: Entry) -> tuple[str, ...]:
    has = [it for it in entry.instances or () if it.versions.get(entry.secret.name) == one.number]
    running = "\n".join(f"{it.service} {it.allocation[:8]} on {it.node}" for it in has)
    state = "in use" if one.number == entry.wanted else ""
    if one.is_destroyed:
        state = "destroyed"
    elif one.deleted_at:
        state = f"deleted {one.deleted_at:%Y-%m-%d %H:%M} by {one.deleted_by}"
    return str(one.number), f"{one.at:%Y-%m-%d %H:%M}", one.by, state, running


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.secret.name,
        "is_known": entry.secret.is_known,
        "fields": sorted(entry.fields),
        "newest": entry.history.current,
        "pinned": entry.history.pinned or None,
        "followed": entry.followed,
        "readers": [
            {"service": one.service.name, "follows": one.follows, "reads_once": one.reads_once}
            for one in entry.secret.readers
        ],
        "versions": [asdict(one) for one in entry.history.versions],
        "instances": None if entry.instances is None else [asdict(one) for one in entry.instances],
        "problems": list(entry.problems()),
    }


def _show_problems(entry: Entry, console: Console) -> None:
    for problem in entry.problems():
        console.print(f"! {entry.secret.name}: {problem}", style="yellow", markup=False, soft_wrap=True)


def _show_notes(notes: Sequence[str], console: Console) -> None:
    for note in notes:
        console.print(note, style="dim", markup=False, soft_wrap=True)


def _table(columns: Sequence[str], rows: Any) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold", min_width=_NAME_WIDTH if name == "name" else None)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _print_json(found: Any) -> None:
    sys.stdout.write(json.dumps(found, indent=2, default=str) + "\n")
