"""What every service on vLLM shares: keys that guard every path, a probe, and connections that NGINX keeps open."""

from collections.abc import Sequence

from nomad_jobs.model import Env, File, ScriptCheck, Secret, Source, Versions, command, json_file

PATHS = ("/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages")
"""The paths that NGINX lets through. An engine answers on some thirty more, and some of those generate text too."""
ENV = (
    Env(name="ENGINE_KEYS_FILE", value="${NOMAD_SECRETS_DIR}/keys.json"),
    # The engine imports its middleware from here.
    Env(name="PYTHONPATH", value="${NOMAD_TASK_DIR}"),
    # NGINX keeps an idle connection for 60 s, vLLM for 5 s. The side that sends requests must be the one that closes,
    # or a request meets a closed connection.
    Env(name="VLLM_HTTP_TIMEOUT_KEEP_ALIVE", value="75"),
)


def argv(model: str, *, name: str, longest_stream_s: int) -> tuple[str, ...]:
    """Give the arguments of `vllm serve`, and of the simulator, that serve Hugging Face's `model` under `name`."""
    return command(
        model,
        f"--served-model-name {name}",
        "--middleware engine_keys.Guard",
        f"--shutdown-timeout {longest_stream_s}",
        "--host ${BERTH_BIND}",
        "--port ${NOMAD_PORT_http}",
    )


def files(keys: Sequence[Secret]) -> tuple[File, ...]:
    """Give the engine its `keys`, any of which opens it, the guard that asks for them, and the probe."""
    return (
        json_file(
            "secrets/keys.json", {"keys": [key["value"] for key in keys], "versions": Versions()}, is_reread=True
        ),
        File(path="local/engine_keys.py", parts=(Source("nomad_jobs/apps/engine_keys.py"),)),
        File(path="local/probe.py", parts=(Source("nomad_jobs/apps/probe.py"),)),
    )


def one_token(name: str) -> ScriptCheck:
    """Check that the engine generates a token: it can load, answer /health and still fail its first request."""
    return ScriptCheck(
        name="one-token completion",
        script='python3 "$NOMAD_TASK_DIR/probe.py" "http://127.0.0.1:$NOMAD_PORT_http" '
        f'{name} "$NOMAD_SECRETS_DIR/keys.json"',
    )
