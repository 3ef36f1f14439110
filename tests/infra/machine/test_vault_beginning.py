"""Vault's initialisation, cut short at each point: it is repeated only where nobody can have stored anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.machine import vault
from infra.machine.fault import Fault


class PowerCut(BaseException):
    """The machine went off."""


class Store:
    """Parameter Store in a dictionary; `cut` is the name at whose writing the machine goes off."""

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
        self.initialised = False
        self.times = 0

    def get(self, _path: str) -> Any:
        return {"initialized": self.initialised}

    def put(self, path: str, _body: Any) -> Any:
        assert path == "sys/init"
        assert not self.initialised
        self.initialised = True
        self.times += 1
        return {"root_token": f"root-{self.times}", "recovery_keys_base64": [f"key-{self.times}"]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    made = Server()
    monkeypatch.setattr(vault, "_BEGUN", tmp_path / "vault-begun")
    monkeypatch.setattr(vault, "_delete_data", lambda: setattr(made, "initialised", False))
    return made


def initialise(server: Any, store: Any) -> None:
    if vault.needs_init(server):
        vault.initialise(server, store, "server/vault-init-vol-1")


def test_what_vault_says_once_is_stored(server: Any) -> None:
    store: Any = Store()
    initialise(server, store)
    assert json.loads(store.entries["server/vault-init-vol-1"]) == {"root_token": "root-1", "recovery_keys": ["key-1"]}
    initialise(server, store)
    assert server.times == 1


def test_after_a_crash_before_the_record_vault_is_initialised_again(server: Any) -> None:
    store: Any = Store()
    store.cut = "server/vault-init-vol-1"
    with pytest.raises(PowerCut):
        initialise(server, store)
    assert server.initialised
    initialise(server, store)
    assert server.times == 2
    assert json.loads(store.entries["server/vault-init-vol-1"]) == {"root_token": "root-2", "recovery_keys": ["key-2"]}


def test_a_vault_in_use_is_never_initialised_again_even_if_every_parameter_is_gone(server: Any) -> None:
    store: Any = Store()
    initialise(server, store)
    store.entries.clear()
    initialise(server, store)
    assert server.times == 1


def test_keys_of_another_vault_are_not_written_over(server: Any) -> None:
    store: Any = Store()
    store.entries["server/vault-init-vol-1"] = "of another Vault"
    with pytest.raises(Fault, match="delete it"):
        initialise(server, store)
    assert store.entries["server/vault-init-vol-1"] == "of another Vault"


def test_recovery_keys_go_where_only_people_read_them() -> None:
    store: Any = Store()
    store.entries["server/vault-init-vol-1"] = json.dumps({"root_token": "root-1", "recovery_keys": ["key-1"]})
    assert vault.root_token(store, "server/vault-init-vol-1") == "root-1"
    assert store.entries["recovery/vault-init-vol-1"] == '["key-1"]'
    assert vault.root_token(store, "server/vault-init-vol-1") == "root-1"
    store.delete("server/vault-init-vol-1")
    assert vault.root_token(store, "server/vault-init-vol-1") == ""
