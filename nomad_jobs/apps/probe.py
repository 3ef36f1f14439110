"""One-token completion as a health check: `python3 probe.py URL MODEL KEYS_FILE`.

An engine that has loaded its model may still fail to answer; a token is the proof. This one file runs on any Python
from 3.8 on with the standard library alone: Nomad writes it into the task, whatever its image. Its exit codes are
those of a script check: 0 for a token, 1 where the engine is busy (429, 503), 2 for anything else. It prints no key.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PASSING, WARNING, CRITICAL = 0, 1, 2
BUSY = (429, 503)


def main(argv: list[str] | None = None) -> int:
    """Probe once, print one line, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the engine listens, such as http://127.0.0.1:8000")
    parser.add_argument("model", help="the name it serves the model under")
    parser.add_argument("keys", type=Path, help='JSON: {"keys": ["…"]}; the first one is used')
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="default: %(default)s")
    args = parser.parse_args(argv)
    code, line = probe(args.url, args.model, args.keys, args.timeout)
    print(line)
    return code


def probe(url: str, model: str, keys: Path, timeout_s: float) -> tuple[int, str]:
    """Ask for one token within `timeout_s` seconds; return the exit code and the line to print."""
    try:
        key = first_key(json.loads(keys.read_bytes()))
    except OSError as error:
        return CRITICAL, f"{keys}: {error.strerror}"
    except (ValueError, RecursionError):
        return CRITICAL, f"{keys}: no key in it"
    start = time.monotonic()
    try:
        answer = complete(url, model, key, timeout_s)
    except urllib.error.HTTPError as error:
        return WARNING if error.code in BUSY else CRITICAL, f"{model} answered {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return CRITICAL, f"{model} gave no answer: {_reason(error)}"
    spent_ms = (time.monotonic() - start) * 1000
    if not has_token(answer):
        return CRITICAL, f"{model} answered without a token"
    return PASSING, f"{model} gave a token in {spent_ms:.0f} ms"


def first_key(value: object) -> str:
    """Return the first key of `{"keys": ["…"]}`; raises ValueError where there is none."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys or not isinstance(keys[0], str) or not keys[0].strip():
        raise ValueError
    return keys[0].strip()


def complete(url: str, model: str, key: str, timeout_s: float) -> object:
    """Post the completion and return the parsed answer; raises OSError or ValueError."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    body = {"model": model, "prompt": "ping", "max_tokens": 1, "temperature": 0}
    target = url.rstrip("/") + "/v1/completions"
    request = urllib.request.Request(target, json.dumps(body).encode(), headers)  # noqa: S310 - the job gives the URL
    # Ignore proxies of the environment: the engine is in the same task.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as response:
        return json.load(response)


def has_token(answer: object) -> bool:
    """Tell whether the answer has a choice and, where it counts tokens, at least one generated token."""
    if not isinstance(answer, dict) or not answer.get("choices"):
        return False
    usage = answer.get("usage")
    return not isinstance(usage, dict) or bool(usage.get("completion_tokens"))


def _reason(error: Exception) -> str:
    # The message of another error may quote a header, and so the key.
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
