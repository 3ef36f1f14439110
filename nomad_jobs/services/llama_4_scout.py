"""Llama 4 Scout behind an OpenAI-compatible API: vLLM on eight H200, or Berth's engine simulator on a laptop."""

from nomad_jobs.model import (
    Check,
    Container,
    Env,
    File,
    Gpus,
    Pool,
    Port,
    Process,
    Route,
    Sample,
    ScriptCheck,
    Secret,
    Service,
    Source,
)

_MODEL = "meta-llama/Llama-4-Scout-17B-16E-Instruct"
_NAME = "llama-4-scout"
_LONGEST_STREAM_S = 300

OPERATOR_KEY = Secret(name="key-operator")
CHAT_KEY = Secret(name="key-chat", owner=_NAME)
_HUB = Secret(name="hugging-face", fields=("token",))

_ENGINE = (
    *("--served-model-name", _NAME, "--config", "${NOMAD_SECRETS_DIR}/engine.yaml"),
    *("--shutdown-timeout", str(_LONGEST_STREAM_S)),
    *("--host", "${BERTH_BIND}", "--port", "${NOMAD_PORT_http}"),
)

LLAMA_4_SCOUT = Service(
    name=_NAME,
    summary="Llama 4 Scout, an OpenAI-compatible model API",
    pool=Pool.GPU,
    container=Container(
        image="vllm/vllm-openai:v0.19.1",
        argv=(*_ENGINE, "--tensor-parallel-size", "8"),
        gpus=Gpus(count=8, model="H200"),
        cpu_mhz=64_000,
        memory_mb=512_000,
        shm_mb=16_384,
        starts_within_s=1800,
    ),
    process=Process(
        argv=("python3", "-m", "nomad_jobs.apps.engine", *_ENGINE, "--tensor-parallel-size", "4"),
        instances=2,
        gpus=Gpus(count=4),
    ),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    # An engine can load and answer /health and still fail its first request: one real token is the proof.
    script_checks=(
        ScriptCheck(
            name="one-token completion",
            script='python3 "$NOMAD_TASK_DIR/probe.py" "http://127.0.0.1:$NOMAD_PORT_http" '
            f'{_NAME} "$NOMAD_SECRETS_DIR/engine.yaml"',
        ),
    ),
    route=Route(
        host=_NAME,
        longest_request_s=_LONGEST_STREAM_S,
        max_body_mb=16,
        sample=Sample(
            path="/v1/chat/completions",
            json={
                "model": _NAME,
                "stream": True,
                "max_tokens": 64,
                "messages": [{"role": "user", "content": "Say hello."}],
            },
            bearer=OPERATOR_KEY["value"],
            expect="data: [DONE]",
        ),
    ),
    env=(Env(name="HF_TOKEN", value=_HUB["token"]),),
    files=(
        File(
            path="secrets/engine.yaml",
            parts=(f"model: {_MODEL}\napi-key: [", OPERATOR_KEY["value"], ", ", CHAT_KEY["value"], "]\n"),
        ),
        File(path="local/probe.py", parts=(Source("nomad_jobs/apps/probe.py"),)),
    ),
)
