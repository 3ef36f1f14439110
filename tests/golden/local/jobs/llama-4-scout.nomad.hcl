# Llama 4 Scout, an OpenAI-compatible model API
# Rendered by `berth render` from nomad_jobs/services/; edit there.
job "llama-4-scout" {
  region      = "global"
  datacenters = ["dc1"]
  namespace   = "default"
  node_pool   = "all"
  type        = "service"
  meta = {
    "berth_release"                           = "ec44c940a601"
    "berth_stack"                             = "local"
    "berth_secret_llama-4-scout/hugging-face" = "0"
    "berth_secret_llama-4-scout/key-operator" = "3"
    "berth_secret_llama-4-scout/key-chat"     = "0"
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
        args     = ["-c", "python3 \"$NOMAD_TASK_DIR/probe.py\" \"http://127.0.0.1:$NOMAD_PORT_http\" llama-4-scout \"$NOMAD_SECRETS_DIR/engine.yaml\""]
        interval = "5s"
        timeout  = "30s"
      }
    }

    task "llama-4-scout" {
      driver       = "raw_exec"
      kill_timeout = "310s"

      config {
        command = "python3"
        args    = ["-m", "nomad_jobs.apps.engine", "--served-model-name", "llama-4-scout", "--config", "$${NOMAD_SECRETS_DIR}/engine.yaml", "--shutdown-timeout", "300", "--host", "$${BERTH_BIND}", "--port", "$${NOMAD_PORT_http}", "--tensor-parallel-size", "4"]
      }

      env = {
        "BERTH_BIND"  = "127.0.0.1"
        "BERTH_STACK" = "local"
      }

      vault {
        role         = "berth-llama-4-scout"
        env          = false
        disable_file = true
        change_mode  = "noop"
      }

      template {
        destination = "secrets/env"
        perms       = "0600"
        env         = true
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
HF_TOKEN={{ with secret "secret/data/default/llama-4-scout/hugging-face?version=0" }}{{ .Data.data.token | toJSON }}{{ end }}
EOT
      }

      template {
        destination = "secrets/engine.yaml"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
model: meta-llama/Llama-4-Scout-17B-16E-Instruct
api-key: [{{ with secret "secret/data/default/llama-4-scout/key-operator?version=3" }}{{ .Data.data.value | toJSON }}{{ end }}, {{ with secret "secret/data/default/llama-4-scout/key-chat?version=0" }}{{ .Data.data.value | toJSON }}{{ end }}]
EOT
      }

      template {
        destination = "local/probe.py"
        perms       = "0600"
        env         = false
        once        = true
        change_mode = "noop"
        splay       = "0s"
        data        = <<EOT
"""One-token completion as a health check: `python3 probe.py URL MODEL CONFIG_FILE`.

Loading a model is no proof that it answers; a token is. One file for any Python from 3.8 on, standard library
only: Nomad writes it into the task, whatever image that runs. Exit codes as a script check has them: 0 a token
came, 1 the engine is there but refuses for the moment (429, 503), 2 anything else. The key is never printed.
"""

from __future__ import annotations

import argparse
import json
import re
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
    parser.add_argument("config", type=Path, help="its YAML config file; the first of its api-key list is used")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="default: %(default)s")
    args = parser.parse_args(argv)
    code, line = probe(args.url, args.model, args.config, args.timeout)
    print(line)
    return code


def probe(url: str, model: str, config: Path, timeout_s: float) -> tuple[int, str]:
    """Ask for one token within `timeout_s` seconds; return the exit code and what to say."""
    try:
        key = api_key(config.read_text(encoding="utf-8"))
    except OSError as error:
        return CRITICAL, f"{config}: {error.strerror}"
    except ValueError:
        return CRITICAL, f"{config}: api-key is not a list of JSON strings on one line"
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


def api_key(config: str) -> str | None:
    """Return the first key of the engine's config, or None where it has no `api-key`.

    The file is ours: the value stands as JSON, one string or a list of them, on the line of its name.
    Raises ValueError where it does not.
    """
    found = re.search(r"^api-key:(.*)$", config, re.MULTILINE)
    if not found:
        return None
    value = json.loads(found.group(1))
    key = value[0] if isinstance(value, list) and value else value
    if not isinstance(key, str) or not key.strip():
        raise ValueError
    return key


def complete(url: str, model: str, key: str | None, timeout_s: float) -> object:
    """Post the completion and return the parsed answer; raises OSError or ValueError."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body = {"model": model, "prompt": "ping", "max_tokens": 1, "temperature": 0}
    target = url.rstrip("/") + "/v1/completions"
    request = urllib.request.Request(target, json.dumps(body).encode(), headers)  # noqa: S310 - the job gives the URL
    # A proxy from the environment has no business between a check and its own task.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as response:
        return json.load(response)


def has_token(answer: object) -> bool:
    """Tell whether the answer has a choice, and counts at least one generated token where it counts."""
    if not isinstance(answer, dict) or not answer.get("choices"):
        return False
    usage = answer.get("usage")
    return not isinstance(usage, dict) or bool(usage.get("completion_tokens"))


def _reason(error: Exception) -> str:
    # The text of other errors may quote a header, and so the key.
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
EOT
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
