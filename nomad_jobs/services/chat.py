"""A web page that streams from the model."""

from nomad_jobs.model import Check, Container, File, Peers, Port, Process, Route, Sample, Service
from nomad_jobs.registry import apps_image
from nomad_jobs.services.llama_4_scout import CHAT_KEY, LLAMA_4_SCOUT

_APP = (
    *("python3", "-m", "nomad_jobs.apps.chat", "--model", LLAMA_4_SCOUT.name),
    *("--api-key-file", "${NOMAD_SECRETS_DIR}/model-key.json", "--peers", "${NOMAD_TASK_DIR}/peers.json"),
    *("--host", "${BERTH_BIND}", "--port", "${NOMAD_PORT_http}"),
)

CHAT = Service(
    name="chat",
    summary="A web page that streams from the model",
    container=Container(image=apps_image("chat"), argv=_APP, instances=2),
    process=Process(argv=_APP),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    route=Route(host="chat", longest_request_s=300, sample=Sample(expect="<title>")),
    files=(
        File(path="secrets/model-key.json", parts=('{"key": ', CHAT_KEY["value"], "}\n")),
        File(path="local/peers.json", parts=(Peers(LLAMA_4_SCOUT.name), "\n")),
    ),
)
