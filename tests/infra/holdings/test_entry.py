"""`hold` writes what differs; what somebody else added is no difference; a second call writes nothing."""

from typing import Any

import pytest

from infra.holdings import consul, vault
from infra.holdings.entry import Entry, differs, hold


class Kept:
    """A server that answers from a table, and notes what is written."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.written: list[tuple[str, str, Any]] = []

    def read(self, path: str) -> Any:
        return self.answers.get(path)

    def write(self, method: str, path: str, body: Any = None) -> Any:
        self.written.append((method, path, body))


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
def test_only_what_was_wanted_counts(found: dict[str, object] | None, expected: bool) -> None:
    assert differs({"a": 1, "b": {"c": [1, 2]}}, found) is expected


def test_what_is_not_there_is_made_and_what_differs_is_changed_where_it_is() -> None:
    entry = consul.policy("p", "rules")
    empty = Kept()
    assert hold(empty, entry)
    assert empty.written == [("PUT", "acl/policy", entry.body)]
    other = Kept({entry.at: {**entry.body, "ID": "7", "Rules": "old"}})
    assert hold(other, entry)
    assert other.written == [("PUT", "acl/policy/7", entry.body)]
    same = Kept({entry.at: {**entry.body, "ID": "7", "Hash": "x"}})
    assert not hold(same, entry)
    assert same.written == []


def test_one_of_a_list_is_told_by_its_field() -> None:
    rule = consul.login("http://nomad")[2]
    others = [{"BindType": "service", "ID": "1"}, {**rule.body, "ID": "2", "BindName": "old"}]
    server = Kept({rule.at: others})
    assert hold(server, rule)
    assert server.written == [("PUT", "acl/binding-rule/2", rule.body)]


def test_what_cannot_be_changed_is_made_anew() -> None:
    entry = consul.token("p", "new")
    server = Kept({entry.at: {"SecretID": "lost"}})
    assert hold(server, entry)
    assert [(method, path) for method, path, _ in server.written] == [("DELETE", entry.at), ("PUT", "acl/token")]


def test_an_engine_is_there_however_vault_shows_it() -> None:
    engine, settings = vault.kv("secret")
    there = {"sys/mounts": {"data": {"secret/": {"type": "kv", "options": {"version": "2"}, "accessor": "x"}}}}
    assert not hold(Kept(there), engine)
    assert hold(Kept(there), settings)


def test_a_laptop_and_a_machine_differ_by_their_authority_alone() -> None:
    laptop, machine = (consul.login("url", ca)[0].body["Config"] for ca in ("", "PEM"))
    assert machine == {**laptop, "JWKSCACert": "PEM"}
    here, there = (vault.jobs_login("url", "issuer", ca)[1].body for ca in ("", "PEM"))
    assert there == {**here, "jwks_ca_pem": "PEM"}


def test_an_entry_that_is_written_elsewhere_names_where() -> None:
    entry = Entry(at="a", body={"x": 1}, make="b")
    server = Kept({"a": {"x": 2}})
    hold(server, entry)
    assert server.written == [("PUT", "b", {"x": 1})]
