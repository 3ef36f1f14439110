"""Vault's beginning, cut short at each point: it is begun anew only where nobody can have put anything in."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.machine import vault
from infra.machine.fault import Fault


class PowerCut(BaseException):
    """The machine went off."""


class Store:
    """Parameter Store in a dictionary; `cut` is the name whose writing the machine does not live to see."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.cut = ""

    def get(self, name: str) -> str | None:
        return self.entries.get(name)

    def put(self, name: str, value: str, *, is_secret: bool) -> bool:
        assert is_secret
        if name == self.cut:
            self.cut = ""
            raise PowerCut
        return self.entries.setdefault(name, value) == value

    def delete(self, name: str) -> None:
        del self.entries[name]


class Server:
    """A Vault that remembers whether it was initialised, and how often."""

    def __init__(self) -> None:
        self.initialised, self.times = False, 0

    def get(self, _path: str) -> Any:
        return {"initialized": self.initialised}

    def put(self, path: str, _body: Any) -> Any:
        assert path == "sys/init"
        assert not self.initialised
        self.initialised, self.times = True, self.times + 1
        return {"root_token": f"root-{self.times}", "recovery_keys_base64": [f"key-{self.times}"]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    made = Server()
    monkeypatch.setattr(vault, "_BEGUN", tmp_path / "vault-begun")
    monkeypatch.setattr(vault, "_forget", lambda: setattr(made, "initialised", False))
    return made


def begin(server: Any, store: Any) -> None:
    if vault.is_to_begin(server):
        vault.initialise(server, store, "server/vault-init-vol-1")


def test_what_vault_says_once_is_kept(server: Any) -> None:
    store: Any = Store()
    begin(server, store)
    assert json.loads(store.entries["server/vault-init-vol-1"]) == {"root_token": "root-1", "recovery_keys": ["key-1"]}
    begin(server, store)
    assert server.times == 1


def test_a_crash_before_the_note_leaves_nothing_that_anyone_needs(server: Any) -> None:
    store: Any = Store()
    store.cut = "server/vault-init-vol-1"
    with pytest.raises(PowerCut):
        begin(server, store)
    assert server.initialised
    begin(server, store)
    assert server.times == 2
    assert json.loads(store.entries["server/vault-init-vol-1"]) == {"root_token": "root-2", "recovery_keys": ["key-2"]}


def test_a_vault_in_use_is_never_begun_anew_even_if_every_parameter_is_gone(server: Any) -> None:
    store: Any = Store()
    begin(server, store)
    store.entries.clear()
    begin(server, store)
    assert server.times == 1


def test_keys_of_another_vault_are_not_written_over(server: Any) -> None:
    store: Any = Store()
    store.entries["server/vault-init-vol-1"] = "of another Vault"
    with pytest.raises(Fault, match="take it away"):
        begin(server, store)
    assert store.entries["server/vault-init-vol-1"] == "of another Vault"


def test_recovery_keys_go_where_only_people_read_them() -> None:
    store: Any = Store()
    store.entries["server/vault-init-vol-1"] = json.dumps({"root_token": "root-1", "recovery_keys": ["key-1"]})
    assert vault.root_token(store, "server/vault-init-vol-1") == "root-1"
    assert store.entries["recovery/vault-init-vol-1"] == '["key-1"]'
    assert vault.root_token(store, "server/vault-init-vol-1") == "root-1"
    store.delete("server/vault-init-vol-1")
    assert vault.root_token(store, "server/vault-init-vol-1") == ""
