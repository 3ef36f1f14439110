"""Writes a service's entries in Consul's KV (its route and pins), and puts them back when the rollout fails."""

from dataclasses import dataclass, field

from scripts.ops.clients.consul import Consul


@dataclass(frozen=True, slots=True)
class _Changed:
    """What an entry was, and what was written; None: no entry."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one service, and what they were before."""

    consul: Consul
    _changed: dict[str, _Changed] = field(default_factory=dict)

    def put(self, key: str, text: str) -> bool:
        """Write an entry unless it is there already; give whether it was written."""
        return self._change(key, text)

    def remove(self, key: str) -> bool:
        """Remove an entry; give whether there was one."""
        return self._change(key, None)

    def keep(self) -> None:
        """Let what was written stay: it has proved right."""
        self._changed.clear()

    def put_back(self) -> None:
        """Restore every entry, but what others wrote since: remove it if it is new, else write its old text."""
        for key, changed in self._changed.items():
            if self.consul.key(key) == changed.after:
                self._write(key, changed.before)
        self._changed.clear()

    def note(self, key: str, before: str | None, after: str) -> None:
        """Have `put_back` restore an entry that was written by other means."""
        if before != after:
            first = self._changed.get(key, _Changed(before, after))
            self._changed[key] = _Changed(first.before, after)

    def _change(self, key: str, text: str | None) -> bool:
        found = self.consul.key(key)
        if found == text:
            return False
        self._changed[key] = _Changed(self._changed.get(key, _Changed(found, text)).before, text)
        self._write(key, text)
        return True

    def _write(self, key: str, text: str | None) -> None:
        if text is None:
            self.consul.delete_key(key)
        else:
            self.consul.put_key(key, text)
