"""Starts the engine: `python3 -m nomad_jobs.apps.engine --model ID --port N …`."""

import sys

from nomad_jobs.apps.engine.arguments import parse
from nomad_jobs.apps.engine.server import Engine
from nomad_jobs.apps.serving.events import log
from nomad_jobs.apps.serving.run import Listener, exit_code, serve


def main() -> None:
    """Serve until told to stop."""
    args, settings = parse(None)
    log(
        "starting",
        model=settings.speed.model_id,
        served=settings.served,
        simulated=True,
        api_keys=len(settings.api_keys),
    )
    listener = Listener(app=Engine(settings).app, host=args.host, port=args.port)
    serve([listener], shutdown_timeout_s=args.shutdown_timeout)


if __name__ == "__main__":
    sys.exit(exit_code(main))
