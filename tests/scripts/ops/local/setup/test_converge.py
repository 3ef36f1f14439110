"""What differs is found; what somebody else added is not a difference."""

import pytest

from scripts.ops.local.setup.converge import differs


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, True),
        ({}, True),
        ({"a": 1, "b": {"c": [1, 2]}}, False),
        ({"a": 1, "b": {"c": [1, 2], "more": 3}, "id": "x"}, False),
        ({"a": 2, "b": {"c": [1, 2]}}, True),
        ({"a": 1, "b": {"c": [2, 1]}}, True),
        ({"a": 1, "b": None}, True),
    ],
)
def test_only_what_was_wanted_counts(found: dict[str, object] | None, expected: bool) -> None:  # noqa: FBT001 - a table
    assert differs({"a": 1, "b": {"c": [1, 2]}}, found) is expected
