# Llama 4 Scout, an OpenAI-compatible model API
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "llama-4-scout" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "all"
  type        = "service"
  meta = {
    "berth_form"  = "aef90306269b"
    "berth_stack" = "local"
  }

  update {
    max_parallel      = 1
    canary            = 0
    auto_promote      = false
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "1s"
    healthy_deadline  = "60s"
    progress_deadline = "340s"
  }

  group "llama-4-scout" {
    count          = 2
    shutdown_delay = "4s"

    network {
      port "http" {
      }
    }

    restart {
      attempts = 2
      interval = "30m"
      delay    = "5s"
      mode     = "fail"
    }

    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "10m"
      unlimited      = true
    }

    service {
      name     = "llama-4-scout"
      port     = "http"
      provider = "consul"
      tags     = ["berth", "local"]

      check {
        name            = "http http /health"
        type            = "http"
        protocol        = "http"
        path            = "/health"
        tls_skip_verify = false
        interval        = "2s"
        timeout         = "2s"
      }

      check {
        name     = "one-token completion"
        type     = "script"
        task     = "llama-4-scout"
        command  = "/bin/sh"
        args     = ["-c", "python3 \"$NOMAD_TASK_DIR/probe.py\" \"http://127.0.0.1:$NOMAD_PORT_http\" llama-4-scout \"$NOMAD_SECRETS_DIR/keys.json\""]
        interval = "5s"
        timeout  = "30s"
      }
    }

    task "llama-4-scout" {
      driver       = "raw_exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "310s"

      config {
        command = "python3"
        args    = ["-m", "nomad_jobs.apps.engine", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "--served-model-name", "llama-4-scout", "--middleware", "engine_keys.Guard", "--shutdown-timeout", "300", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}", "--tensor-parallel-size", "$${BERTH_GPUS}"]
      }

      env = {
        "BERTH_BIND"                   = "127.0.0.1"
        "BERTH_STACK"                  = "local"
        "BERTH_GPUS"                   = "4"
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE" = "75"
      }

      vault {
        role         = "berth-llama-4-scout"
        env          = false
        disable_file = true
        change_mode  = "noop"
      }

      consul {}

      identity {
        name = "consul_default"
        aud  = ["consul.io"]
        ttl  = "1h"
      }

      template {
        destination = "secrets/env"
        perms       = "0600"
        env         = true
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT

ENGINE_KEYS_FILE="{{ env "NOMAD_SECRETS_DIR" }}/keys.json"
PYTHONPATH="{{ env "NOMAD_TASK_DIR" }}"
HF_TOKEN_PATH="{{ env "NOMAD_SECRETS_DIR" }}/hugging-face"
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/versions-pinned.json"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"llama-4-scout/hugging-face": {{ with secret "secret/data/default/llama-4-scout/hugging-face?version=0" }}{{ .Data.metadata.version }}{{ end }}}
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "secrets/keys.json"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
{"keys": [{{ with secret (printf "secret/data/default/llama-4-scout/key-operator?version=%s" (key "berth/local/versions/llama-4-scout/key-operator")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/local/versions/llama-4-scout/key-chat")) }}{{ index .Data.data "value" | toJSON }}{{ end }}, {{ with secret (printf "secret/data/default/llama-4-scout/sample-key?version=%s" (key "berth/local/versions/llama-4-scout/sample-key")) }}{{ index .Data.data "value" | toJSON }}{{ end }}], "versions": {"llama-4-scout/key-operator": {{ with secret (printf "secret/data/default/llama-4-scout/key-operator?version=%s" (key "berth/local/versions/llama-4-scout/key-operator")) }}{{ .Data.metadata.version }}{{ end }}, "llama-4-scout/key-chat": {{ with secret (printf "secret/data/default/llama-4-scout/key-chat?version=%s" (key "berth/local/versions/llama-4-scout/key-chat")) }}{{ .Data.metadata.version }}{{ end }}, "llama-4-scout/sample-key": {{ with secret (printf "secret/data/default/llama-4-scout/sample-key?version=%s" (key "berth/local/versions/llama-4-scout/sample-key")) }}{{ .Data.metadata.version }}{{ end }}}}
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/engine_keys.py"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
"""Guards every path of an engine with API keys: `vllm serve --middleware engine_keys.Guard`.

vLLM's own keys guard some paths only (0.19.1: /v1, while anybody may generate at /invocations), stand in its log, and
open everything where they are empty. This one file runs on any Python from 3.8 on with the standard library alone:
Nomad writes it into the task, whatever its image, and PYTHONPATH names its folder. It reads the keys from the JSON
file that ENGINE_KEYS_FILE names, {"keys": ["…", "…"]}; a changed file counts at the next request. Where that file
holds no good key, the import of this module ends the engine, which would otherwise be open. It prints no key. In a
task, once it uses the keys, it writes the `versions` beside them to versions-<the stem of the file's name>.json.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pathlib
import sys
import threading
import time
from typing import Any, Awaitable, Callable, MutableMapping  # noqa: UP035 - Python 3.8

# ASGI's types; its specification says what each callable takes and gives.
Message = MutableMapping[str, Any]
Receive = Callable[..., Awaitable[Message]]
Send = Callable[..., Awaitable[None]]
App = Callable[..., Awaitable[None]]

# Consul and Prometheus ask for these without a key, from inside. Only these exact paths are open, and none below.
OPEN = ("/health", "/ping", "/metrics")
# Consul-Template writes one of these where a secret lacks the field.
NO_KEYS = ("", "null", "<no value>")
LOOK_S = 0.05
# vLLM's own words.
REFUSAL = b'{"error":"Unauthorized"}'


class Guard:
    """ASGI middleware: a request for any path but `OPEN` needs a key, over HTTP and WebSocket, whatever the method.

    It refuses a browser's preflight (OPTIONS), which cannot carry a key: keys have no place in a browser.
    """

    def __init__(self, app: App, keys: Keys | None = None) -> None:
        """Guard `app`; unless given, the keys are those of the file that the environment names."""
        self._app, self._keys = app, keys or KEYS

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or is_open(scope) or self._keys.accept(given_key(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            length = str(len(REFUSAL)).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", length),
                (b"www-authenticate", b"Bearer"),
            ]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})


def is_open(scope: Message) -> bool:
    """Tell whether this is a check or a scrape; the engine's router sees the same path, so it reads it alike."""
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in OPEN


def given_key(scope: Message) -> bytes:
    """Return the bearer's key, or nothing: of two Authorization headers neither counts, as either would be a guess."""
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    scheme, _, key = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return key.strip() if scheme.lower() == b"bearer" else b""


class BadKeysError(ValueError):
    """The file holds no good keys; the message says why, without its content."""


class Keys:
    """The keys of a file, as of its last good version."""

    def __init__(self, path: str) -> None:
        """Read `path` now, and again whenever it changes; raises BadKeysError."""
        self._path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._load()
        threading.Thread(target=self._watch, name="engine_keys", daemon=True).start()

    def accept(self, key: bytes) -> bool:
        """Tell whether `key` is one of them."""
        self._follow()
        # We compare every key, as digests of one length, so that the time taken says nothing about any of them.
        digest, found = hashlib.sha256(key).digest(), False
        for good in self._digests:
            found |= hmac.compare_digest(digest, good)
        return found

    def _watch(self) -> None:
        """Follow the file without a request too, so that it is known soon which versions are in use."""
        while True:
            time.sleep(LOOK_S)
            self._follow()

    def _follow(self) -> None:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._load()
            except BadKeysError as error:
                say("keys-kept", file=self._path, reason=str(error))

    def _load(self) -> None:
        self._digests, versions = read(self._path)
        say("keys-loaded", file=self._path, keys=len(self._digests))
        tell(self._path, versions)


def tell(path: str, versions: object) -> None:
    """Write which versions are in use where Nomad serves it; outside a task there is nobody to tell."""
    folder = os.environ.get("NOMAD_TASK_DIR")
    if folder and isinstance(versions, dict):
        told = pathlib.Path(folder, "versions-" + pathlib.Path(path).stem + ".json")
        aside = told.with_suffix("." + str(os.getpid()))  # vLLM may have several processes that answer
        try:
            aside.write_text(json.dumps(versions))
            aside.replace(told)
        except OSError as error:
            say("versions-not-told", file=str(told), reason=error.strerror)


def read(path: str) -> tuple[list[bytes], object]:
    """Read the file; return each key's SHA-256, and what it says of versions. Raises BadKeysError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would tidy the path
            value = json.loads(file.read())
    except OSError as error:
        raise BadKeysError(error.strerror or "cannot be read") from None
    except (ValueError, RecursionError):
        raise BadKeysError("not JSON") from None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not keys:
        raise BadKeysError('expected {"keys": ["…"]} with at least one key')
    return [_digest(number, key) for number, key in enumerate(keys, start=1)], value.get("versions")


def _digest(number: int, key: object) -> bytes:
    if not isinstance(key, str):
        raise BadKeysError(f"key {number} is no text")
    if key.strip() in NO_KEYS:
        raise BadKeysError(f"key {number} is empty")
    try:
        return hashlib.sha256(key.strip().encode()).digest()
    except UnicodeEncodeError:
        raise BadKeysError(f"key {number} is no Unicode text") from None


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def say(event: str, **fields: object) -> None:
    """Print one line of JSON, as Berth's own apps do."""
    print(json.dumps({"event": event, **fields}), flush=True)


def _keys_of_environment() -> Keys:
    path = os.environ.get("ENGINE_KEYS_FILE", "")
    try:
        return Keys(path)
    except BadKeysError as error:
        sys.exit(f"engine_keys: {path or 'ENGINE_KEYS_FILE'}: {error}")


KEYS = _keys_of_environment()
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "local/probe.py"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
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
EOT

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      template {
        destination = "secrets/hugging-face"
        perms       = "0600"
        env         = false
        once        = false
        change_mode = "noop"
        splay       = "0s"
        data        = "{{ define \"text\" }}{{ if sprig_kindIs \"string\" . }}{{ . }}{{ else if sprig_kindIs \"invalid\" . }}{{ sprig_fail \"the field is missing or null\" }}{{ else }}{{ . | toJSON }}{{ end }}{{ end }}{{ with secret \"secret/data/default/llama-4-scout/hugging-face?version=0\" }}{{ executeTemplate \"text\" (index .Data.data \"token\") }}{{ end }}"

        wait {
          min = "200ms"
          max = "2s"
        }
      }

      resources {
        cpu    = 100
        memory = 128
        device "nomad/file" {
          count = 4
        }
      }
    }
  }
}
