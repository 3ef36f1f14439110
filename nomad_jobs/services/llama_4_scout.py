"""Llama 4 Scout behind an OpenAI-compatible API: vLLM on eight H200, or Berth's engine simulator on a laptop."""

from nomad_jobs import vllm
from nomad_jobs.limits import LONGEST_STREAM_S
from nomad_jobs.model import (
    UNLIMITED,
    Check,
    Container,
    Env,
    File,
    Gpus,
    Override,
    PoolKind,
    Port,
    Process,
    Route,
    Sample,
    Secret,
    Service,
    Size,
    Ulimit,
    command,
)
from nomad_jobs.registry import app_container

_NAME = "llama-4-scout"
_ENGINE = (
    *vllm.argv("meta-llama/Llama-4-Scout-17B-16E-Instruct", name=_NAME, longest_stream_s=LONGEST_STREAM_S),
    *command("--tensor-parallel-size ${BERTH_GPUS}"),
)
_SIMULATOR = (*command("python3 -m nomad_jobs.apps.engine"), *_ENGINE)

OPERATOR_KEY = Secret(name="key-operator")
CHAT_KEY = Secret(name="key-chat", owner=_NAME)
SAMPLE_KEY = Secret(name="sample-key")
_HUB = Secret(name="hugging-face", fields=("token",))

_HELLO = {"role": "user", "content": "Say hello."}

LLAMA_4_SCOUT = Service(
    name=_NAME,
    summary="Llama 4 Scout, an OpenAI-compatible model API",
    pool=PoolKind.GPU,
    container=Container(
        image="vllm/vllm-openai:v0.19.1",
        argv=_ENGINE,
        # The image runs as root, and keeps weights and compiled kernels below /root.
        is_root_writable=True,
        # NCCL pins the memory that GPUs exchange.
        ulimits=(Ulimit(name="memlock", soft=UNLIMITED, hard=UNLIMITED),),
        shm_mb=16_384,
    ),
    process=Process(argv=_SIMULATOR),
    size=Size(cpu_mhz=64_000, memory_mb=512_000, gpus=Gpus(count=8, model="H200"), starts_within_s=1800),
    overrides=(
        Override(
            stack="local",
            container=app_container("engine-simulator", _SIMULATOR),
            instances=2,
            cpu_mhz=100,
            memory_mb=128,
            gpus=Gpus(count=4),
            starts_within_s=60,
        ),
        Override(stack="dev", instances=0),  # until somebody gives its GPU pool a node
    ),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    script_checks=(vllm.one_token(_NAME),),
    route=Route(
        host=_NAME,
        paths=vllm.PATHS,
        longest_request_s=LONGEST_STREAM_S,
        max_body_mb=16,
        sample=Sample(
            path="/v1/chat/completions",
            json={"model": _NAME, "stream": True, "max_tokens": 64, "messages": [_HELLO]},
            bearer=SAMPLE_KEY["value"],
            expect="data: [DONE]",
        ),
    ),
    env=(*vllm.ENV, Env(name="HF_TOKEN_PATH", value="${NOMAD_SECRETS_DIR}/hugging-face")),
    files=(
        *vllm.files((OPERATOR_KEY, CHAT_KEY, SAMPLE_KEY)),
        # A file, and no variable: `docker inspect` would show that.
        File(path="secrets/hugging-face", parts=(_HUB["token"].raw,)),
    ),
)
