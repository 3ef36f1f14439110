"""A small classifier that tells bots among new subscribers."""

from nomad_jobs.model import (
    Check,
    Override,
    Port,
    Process,
    Route,
    Sample,
    Secret,
    Service,
    Size,
    Versions,
    command,
    json_file,
)
from nomad_jobs.registry import app_container

_KEY = Secret(name="api-key")
_SAMPLE_KEY = Secret(name="sample-key")
_APP = command(
    "python3 -m nomad_jobs.apps.bot_detector",
    "--api-key-file ${NOMAD_SECRETS_DIR}/keys.json",
    "--host ${BERTH_BIND}",
    "--port ${NOMAD_PORT_http}",
)

BOT_DETECTOR = Service(
    name="bot-detector",
    summary="A small classifier that tells bots among new subscribers",
    container=app_container("bot-detector", _APP),
    process=Process(argv=_APP),
    size=Size(instances=2),
    overrides=(Override(stack="local", instances=1),),
    ports=(Port(container=8000),),
    checks=(Check(path="/health"),),
    route=Route(
        host="bot-detector",
        sample=Sample(
            path="/predict",
            json={"email": "xk2j9q@mail.example", "name": "xk2j9q"},
            bearer=_SAMPLE_KEY["value"],
            expect='"probability"',
        ),
    ),
    files=(
        json_file(
            "secrets/keys.json",
            {"keys": [_KEY["value"], _SAMPLE_KEY["value"]], "versions": Versions()},
            is_reread=True,
        ),
    ),
)
