"""What every service on vLLM shares: keys that guard every path, a probe, connections that NGINX may keep."""

from collections.abc import Sequence

from nomad_jobs.model import Env, File, Part, ScriptCheck, Secret, Source

PATHS = ("/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages")
"""What the world may ask of an engine. It answers on some thirty more, and some of those generate too."""
ENV = (
    Env(name="ENGINE_KEYS_FILE", value="${NOMAD_SECRETS_DIR}/keys.json"),
    # Where the engine looks for its middleware.
    Env(name="PYTHONPATH", value="${NOMAD_TASK_DIR}"),
    # NGINX keeps an idle upstream connection for 60 s, vLLM for 5: the side that sends must be the one that closes.
    Env(name="VLLM_HTTP_TIMEOUT_KEEP_ALIVE", value="75"),
)


def argv(model: str, *, name: str, longest_stream_s: int) -> tuple[str, ...]:
    """Serve `model`, as Hugging Face names it, under `name`: words for `vllm serve` and for the simulator alike."""
    return (
        *(model, "--served-model-name", name, "--middleware", "engine_keys.Guard"),
        *("--shutdown-timeout", str(longest_stream_s)),
        *("--host", "${BERTH_BIND}", "--port", "${NOMAD_PORT_http}"),
    )


def files(keys: Sequence[Secret]) -> tuple[File, ...]:
    """Write the `keys`, any of which opens the engine, the guard that asks for them, and the probe."""
    listed: tuple[Part, ...] = tuple(part for key in keys for part in (", ", key["value"]))[1:]
    return (
        File(path="secrets/keys.json", parts=('{"keys": [', *listed, "]}\n")),
        File(path="local/engine_keys.py", parts=(Source("nomad_jobs/apps/engine_keys.py"),)),
        File(path="local/probe.py", parts=(Source("nomad_jobs/apps/probe.py"),)),
    )


def one_token(name: str) -> ScriptCheck:
    """An engine can load and answer /health and still fail its first request: one real token is the proof."""
    return ScriptCheck(
        name="one-token completion",
        script='python3 "$NOMAD_TASK_DIR/probe.py" "http://127.0.0.1:$NOMAD_PORT_http" '
        f'{name} "$NOMAD_SECRETS_DIR/keys.json"',
    )
