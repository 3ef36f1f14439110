"""A web page that streams from the model."""

from nomad_jobs.limits import LONGEST_STREAM_S
from nomad_jobs.model import Check, Container, Peers, Port, Process, Route, Sample, Service, command, json_file
from nomad_jobs.registry import apps_image
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
    container=Container(image=apps_image("chat"), argv=_APP, instances=2),
    process=Process(argv=_APP),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    route=Route(host="chat", longest_request_s=LONGEST_STREAM_S, sample=Sample(expect="<title>")),
    files=(
        json_file("secrets/model-key.json", {"key": CHAT_KEY["value"]}, is_reread=True),
        json_file("local/peers.json", Peers(LLAMA_4_SCOUT.name)),
    ),
)
