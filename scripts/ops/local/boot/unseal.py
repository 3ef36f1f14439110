"""Unseals Vault whenever supervisord has started it; an event listener, so it does not poll Vault meanwhile."""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEADLINE_S = 60
_PAUSE_S = 0.1
_TIMEOUT_S = 5


def main() -> None:
    """Listen to supervisord's events until it ends."""
    from supervisor.childutils import get_headers, listener  # noqa: PLC0415 - `unseal` is used without supervisord

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vault", required=True, help="address of Vault's API")
    parser.add_argument("--keys", required=True, type=Path, help="file with the unseal key, as `berth up` writes it")
    given = parser.parse_args()
    while True:
        _, payload = listener.wait(sys.stdin, sys.stdout)
        if get_headers(payload).get("processname") == "vault":
            _report(unseal(given.vault, given.keys, deadline_s=DEADLINE_S))
        # Always "done": after a FAIL supervisord would send the same event again at once.
        listener.ok(sys.stdout)


def unseal(url: str, keys: Path, *, deadline_s: float) -> str:
    """Unseal the Vault at `url`; return why it could not be done, or an empty text.

    A Vault that was never initialised is left to `berth up`.
    """
    missing = "it does not answer"
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        try:
            status = _ask(url, "seal-status")
            if not status["initialized"] or not status["sealed"]:
                return ""
            _ask(url, "unseal", {"key": json.loads(keys.read_text())["keys_base64"][0]})
        except (OSError, ValueError, KeyError, urllib.error.URLError) as error:
            missing = f"{type(error).__name__}: {error}"
        time.sleep(_PAUSE_S)
    return f"vault at {url} was not unsealed within {deadline_s:.0f} s: {missing}"


def _ask(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address is our own loopback one
        f"{url}/v1/sys/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method="GET" if body is None else "PUT",
    )
    # The environment's proxies are not for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_TIMEOUT_S) as answer:
        read: dict[str, Any] = json.load(answer)
        return read


def _report(fault: str) -> None:
    sys.stderr.write(f"{fault or 'vault is unsealed'}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
