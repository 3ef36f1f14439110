"""Writes a service's entries in Consul's KV (its route and pins), and puts them back when the rollout fails."""

from dataclasses import dataclass, field

from scripts.ops.clients.consul import Consul


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one service, and what they were before."""

    consul: Consul
    _before: dict[str, str | None] = field(default_factory=dict)

    def put(self, key: str, text: str) -> bool:
        """Write an entry unless it is there already; give whether it was written."""
        return self._change(key, text)

    def remove(self, key: str) -> bool:
        """Remove an entry; give whether there was one."""
        return self._change(key, None)

    def keep(self) -> None:
        """Let what was written stay: it has proved right."""
        self._before.clear()

    def put_back(self) -> None:
        """Restore every entry: remove it if it is new, write its old text if it was changed."""
        for key, text in self._before.items():
            self._write(key, text)
        self._before.clear()

    def _change(self, key: str, text: str | None) -> bool:
        found = self.consul.key(key)
        if found == text:
            return False
        self._before.setdefault(key, found)
        self._write(key, text)
        return True

    def _write(self, key: str, text: str | None) -> None:
        if text is None:
            self.consul.delete_key(key)
        else:
            self.consul.put_key(key, text)
