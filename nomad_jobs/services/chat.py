"""A web page that streams from the model."""

from nomad_jobs.limits import LONGEST_STREAM_S
from nomad_jobs.model import (
    Check,
    Override,
    Peers,
    Port,
    Process,
    Route,
    Sample,
    Service,
    Size,
    Versions,
    command,
    json_file,
)
from nomad_jobs.registry import app_container
from nomad_jobs.services.llama_4_scout import CHAT_KEY, LLAMA_4_SCOUT

_APP = command(
    "python3 -m nomad_jobs.apps.chat",
    f"--model {LLAMA_4_SCOUT.name}",
    "--api-key-file ${NOMAD_SECRETS_DIR}/model-key.json",
    "--peers ${NOMAD_TASK_DIR}/peers.json",
    "--host ${BERTH_BIND}",
    "--port ${NOMAD_PORT_http}",
)

CHAT = Service(
    name="chat",
    summary="A web page that streams from the model",
    container=app_container("chat", _APP),
    process=Process(argv=_APP),
    size=Size(instances=2),
    overrides=(Override(stack="local", instances=1),),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    route=Route(host="chat", longest_request_s=LONGEST_STREAM_S, sample=Sample(expect="<title>")),
    files=(
        json_file("secrets/model-key.json", {"key": CHAT_KEY["value"], "versions": Versions()}, is_reread=True),
        json_file("local/peers.json", Peers(LLAMA_4_SCOUT.name)),
    ),
)
