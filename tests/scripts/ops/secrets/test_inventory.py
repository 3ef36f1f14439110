"""What is listed of a secret: which versions run, what is wrong with it, and how near its end is."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.ops.secrets import history
from scripts.ops.secrets.expiry import Expiry, soon
from scripts.ops.secrets.history import parse, span
from scripts.ops.secrets.inventory import Entry, Inventory
from scripts.ops.secrets.known import Known, known
from scripts.ops.secrets.running import Running
from scripts.ops.secrets.show import show_expiry, show_list, show_metadata
from tests.support.platforms import LAPTOP, ON_LAPTOP

NAME = "llama-4-scout/key-operator"
SECRET = known(ON_LAPTOP, LAPTOP)[NAME]
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def metadata(newest: int = 3, pinned: int = 0, **rows: dict[str, Any]) -> dict[str, Any]:
    """Vault's metadata of a secret with `newest` versions; `rows` are changes of single ones, such as `v2={…}`."""
    made = {"created_time": "2029-12-30T00:00:00.123456789Z", "deletion_time": "", "destroyed": False}
    by = {"created_by": {"actor": "oidc-ada", "client_id": "x"}, "deleted_by": None}
    return {
        "current_version": newest,
        "custom_metadata": {"berth_pinned": str(pinned)} if pinned else None,
        "versions": {str(n): {**made, **by, **rows.get(f"v{n}", {})} for n in range(1, newest + 1)},
    }


def entry(found: dict[str, Any], *versions: int, followed: str | None = None, fields: str = "value") -> Entry:
    return Entry(
        secret=SECRET,
        history=parse(found),
        fields=frozenset(fields.split()),
        followed=followed,
        instances=tuple(
            Running(
                service="llama-4-scout", allocation=f"{n:08}-x", node="n", versions={NAME: version} if version else {}
            )
            for n, version in enumerate(versions)
        ),
    )


def test_what_is_as_it_should_be_has_no_problem() -> None:
    found = entry(metadata(), 3, 3, followed="3")
    assert list(found.problems()) == []
    assert found.has() == "2 of v3"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (entry({}), "has no value"),
        (entry(metadata(v3={"destroyed": True})), "version 3 was deleted or destroyed"),
        (entry(metadata(v3={"deletion_time": "2029-12-31T00:00:00Z"})), "version 3 was deleted or destroyed"),
        (entry(metadata(), fields="other"), "version 3 has no field value"),
        (entry(metadata(pinned=2)), "pinned to version 2, and the newest is 3"),
        (entry(metadata(), followed="2"), "running instances follow version 2, not 3"),
        (entry(metadata(), 3, 2), "instance 00000001 of llama-4-scout has version 2, not 3"),
        (entry(metadata(), 0), "instance 00000000 of llama-4-scout does not say which version it has"),
    ],
)
def test_each_problem_is_named(found: Entry, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "now", lambda: NOW)
    assert list(found.problems()) == [said]


def test_an_old_version_that_only_a_deployment_replaces_says_so() -> None:
    (reader,) = SECRET.readers
    behind = replace(entry(metadata(), 2), secret=replace(SECRET, readers=(replace(reader, reads_once=True),)))
    said = "instance 00000000 of llama-4-scout has version 2, not 3, which a deployment brings"
    assert list(behind.problems()) == [said]


def test_instances_are_counted_by_version_and_those_that_differ_are_marked() -> None:
    assert entry(metadata(), 3, 2, 3, 0).has() == "2 of v3\n1 of v2!\n1 of v?!"
    assert entry(metadata(pinned=2), 3, 2).has() == "1 of v3!\n1 of v2"
    assert entry(metadata()).has() == "none"


def test_a_version_says_who_wrote_it_and_an_older_vault_says_nothing() -> None:
    kept = parse(metadata(v1={"created_by": None}))
    assert [one.by for one in kept.versions] == ["unknown", "oidc-ada", "oidc-ada"]
    assert kept.newest is not None
    assert kept.newest.age(NOW) == "1 d"


def test_names_that_others_chose_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "[/red]/[bold]x"
    named = Entry(
        secret=Known(name=odd, is_known=False),
        history=parse(metadata(v3={"created_by": {"actor": "oidc-[/x]"}})),
        fields=frozenset(),
        followed=None,
        instances=(),
    )
    show_list(Inventory(entries=(named,), notes=()), as_json=False)
    show_metadata(Inventory(entries=(named,), notes=()), as_json=False)
    show_expiry([Expiry(kind="secret", name=odd)], as_json=False)
    shown = capsys.readouterr().out
    assert shown.count(odd) == 3
    assert "oidc-[/x]" in shown


@pytest.mark.parametrize("mark", ["", "x", "-1", "1.5"])
def test_a_mark_that_is_no_version_pins_nothing(mark: str) -> None:
    assert parse({**metadata(), "custom_metadata": {"berth_pinned": mark}}).pinned == 0


@pytest.mark.parametrize(
    ("days", "said"),
    [(-1, "expired"), (0, "expired"), (0.5, "within 1 d"), (1, "within 1 d"), (6, "within 7 d"), (30, "within 30 d")],
)
def test_the_end_is_told_thirty_seven_and_one_day_before(days: float, said: str) -> None:
    assert Expiry(kind="token", name="x", ends=NOW + dt.timedelta(days=days)).warning(NOW) == said


def test_what_is_far_away_or_has_no_end_is_not_told() -> None:
    assert Expiry(kind="token", name="x", ends=NOW + dt.timedelta(days=30, seconds=1)).warning(NOW) == ""
    assert Expiry(kind="token", name="x").warning(NOW) == ""


@pytest.mark.parametrize(
    ("lasts", "left", "said"),
    [
        (3, 2.1, ""),  # a server's certificate, which it renews each day
        (3, 0.9, "within 1 d"),  # it has not for two days
        (32, 17, ""),
        (32, 10, "within 30 d"),
        (90, 29, "within 30 d"),
        (365, 29, "within 30 d"),
        (3, -1, "expired"),
    ],
)
def test_what_is_renewed_by_itself_is_told_when_it_was_not(lasts: float, left: float, said: str) -> None:
    ends = NOW + dt.timedelta(days=left)
    begun = ends - dt.timedelta(days=lasts)
    assert Expiry(kind="certificate", name="x", begun=begun, ends=ends).warning(NOW) == said
    renewed = Expiry(
        kind="token", name="x", begun=NOW - dt.timedelta(days=500), ends=ends, lasts=dt.timedelta(days=lasts)
    )
    assert renewed.warning(NOW) == said


@given(st.lists(st.one_of(st.none(), st.integers(-1000, 1000))), st.integers(0, 400))
def test_soon_is_exactly_what_ends_within_the_days(ends: list[int | None], days: int) -> None:
    rows = [
        Expiry(kind="x", name=str(at), ends=None if end is None else NOW + dt.timedelta(days=end))
        for at, end in enumerate(ends)
    ]
    found = {one.name for one in soon(rows, days, NOW)}
    assert found == {str(at) for at, end in enumerate(ends) if end is not None and end <= days}


@pytest.mark.parametrize(("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86400, "1 d")])
def test_a_span_is_in_the_largest_unit_that_fits(seconds: int, said: str) -> None:
    assert span(dt.timedelta(seconds=seconds)) == said
