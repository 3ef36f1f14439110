"""What a neighbour runs: it tries every address that it was given, and names those that answer.

It reads a JSON list of `[address, port]` and writes the same of those that took its connection. `berth doctor` starts
it in a network namespace of its own.
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

_TIMEOUT_S = 2
_AT_ONCE = 32


def main() -> None:
    """Try all, side by side: where a firewall drops packets, each try takes its whole time."""
    wanted = json.load(sys.stdin)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(_answers, wanted))
    json.dump([one for one, answered in zip(wanted, answers, strict=True) if answered], sys.stdout)


def _answers(place: tuple[str, int]) -> bool:
    address, port = place
    try:
        with closing(socket.create_connection((address, port), timeout=_TIMEOUT_S)):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
