"""One thing that a server must hold, and how to make it so: read, compare, write only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Server(Protocol):
    """A server's API; paths are those below `/v1/`."""

    def read(self, path: str) -> Any:
        """Give the answer to a GET; None where nothing is there, or nothing that this token may know of."""

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a body with PUT or POST, or a DELETE; raises where the server refuses."""


@dataclass(frozen=True)
class Entry:
    """One thing that a server must hold."""

    at: str
    """Path at which it is read."""
    body: Mapping[str, Any]
    """What is written."""
    make: str
    """Path at which it is created."""
    change: str = ""
    """Path at which it is changed; `{ID}` is taken from what was found. Empty: `make`."""
    method: str = "PUT"
    within: tuple[str, ...] = ()
    """Keys that lead from the answer to the thing."""
    chosen_by: str = ""
    """In a list: the field whose value, as in `body`, identifies the thing."""
    compared: Mapping[str, Any] = field(default_factory=dict)
    """What must be found, where the server shows it in another form than `body`; empty: `body`."""
    is_replaced: bool = False
    """Whether it cannot be changed, and so is deleted (at `remove`) and created again."""
    remove: str = ""


def hold(server: Server, entry: Entry) -> bool:
    """Make `server` hold the entry; return whether anything had to be written.

    A crash in the middle does no harm: the next call writes what is missing.
    """
    found = find(server, entry)
    if not differs(entry.compared or entry.body, found):
        return False
    if found is not None and entry.is_replaced:
        server.write("DELETE", entry.remove)
        found = None
    path = entry.make if found is None else (entry.change or entry.make).format(**found)
    server.write(entry.method, path, entry.body)
    return True


def lacks(server: Server, entry: Entry) -> bool:
    """Whether `server` has not, or has otherwise, what the entry describes."""
    return differs(entry.compared or entry.body, find(server, entry))


def find(server: Server, entry: Entry) -> Mapping[str, Any] | None:
    """Give what the server holds of the entry; None if nothing."""
    found = server.read(entry.at)
    for key in entry.within:
        found = (found or {}).get(key)
    if entry.chosen_by:
        wanted = entry.body[entry.chosen_by]
        found = next((one for one in found or () if one[entry.chosen_by] == wanted), None)
    return found or None


def differs(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> bool:
    """Whether `found` lacks something of `wanted`; what else it holds (ids, defaults) does not count."""
    if found is None:
        return True
    return any(_value_differs(value, found.get(name)) for name, value in wanted.items())


def _value_differs(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return differs(wanted, found)
    return bool(wanted != found)
