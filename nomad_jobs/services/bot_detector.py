"""A small classifier that tells bots among new subscribers."""

from nomad_jobs.model import Check, Container, File, Port, Process, Route, Sample, Secret, Service
from nomad_jobs.services.registry import LOGIN, apps_image

_KEY = Secret(name="api-key")
_APP = (
    "python3",
    "-m",
    "nomad_jobs.apps.bot_detector",
    "--api-key-file",
    "${NOMAD_SECRETS_DIR}/api-key.json",
)

BOT_DETECTOR = Service(
    name="bot-detector",
    summary="A small classifier that tells bots among new subscribers",
    container=Container(
        image=apps_image("bot-detector"),
        login=LOGIN,
        argv=(*_APP, "--host", "0.0.0.0", "--port", "8000"),  # noqa: S104 - inside its container
        instances=2,
    ),
    process=Process(argv=(*_APP, "--host", "${NOMAD_IP_http}", "--port", "${NOMAD_PORT_http}")),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    route=Route(
        host="bot-detector",
        sample=Sample(
            path="/predict",
            json={"email": "xk2j9q@mail.example", "name": "xk2j9q"},
            bearer=_KEY["value"],
            expect='"probability"',
        ),
    ),
    files=(File(path="secrets/api-key.json", parts=('{"key": ', _KEY["value"], "}\n")),),
)
