"""Picks the instance of the model for the next request: the one with the fewest of ours in flight."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """One healthy instance, as Consul knows it."""

    address: str
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}"


def parse_peers(value: object) -> tuple[Peer, ...]:
    """Read `[{"address": "…", "port": N}, …]`, which may be empty; raises ValueError for any other shape."""
    match value:
        case [*entries]:
            return tuple(dict.fromkeys(_peer(entry) for entry in entries))
    raise ValueError("expected a list of peers")


def _peer(entry: object) -> Peer:
    match entry:
        case {"address": str(address), "port": int(port)} if address:
            return Peer(address, port)
    raise ValueError('expected each peer as {"address": "…", "port": N}')


class Balancer:
    """Counts what this process has in flight to each peer and picks the least busy one."""

    def __init__(self, peers: Callable[[], Sequence[Peer]]) -> None:
        """Balance over `peers`, which each pick asks for the healthy ones."""
        self._peers = peers
        self._in_flight: Counter[Peer] = Counter()
        self._picks = 0
        self._last_pick: dict[Peer, int] = {}

    @property
    def peers(self) -> Sequence[Peer]:
        """The peers that are healthy now."""
        return self._peers()

    def pick(self, tried: Collection[Peer] = ()) -> Peer | None:
        """Choose among the peers not yet `tried`; equally busy ones take turns. None: all were tried."""
        left = [peer for peer in self._peers() if peer not in tried]
        if not left:
            return None
        peer = min(left, key=lambda peer: (self._in_flight[peer], self._last_pick.get(peer, 0)))
        self._picks += 1
        self._last_pick = {known: pick for known, pick in self._last_pick.items() if known in left} | {
            peer: self._picks
        }
        return peer

    def begin(self, peer: Peer) -> None:
        """Count one request to `peer`."""
        self._in_flight[peer] += 1

    def end(self, peer: Peer) -> None:
        """Stop counting one request to `peer`."""
        self._in_flight[peer] -= 1
        if not self._in_flight[peer]:
            del self._in_flight[peer]
