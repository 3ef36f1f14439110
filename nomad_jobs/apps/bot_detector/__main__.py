"""Starts the detector: `python3 -m nomad_jobs.apps.bot_detector --api-key-file FILE --port N`."""

import argparse
import sys
from pathlib import Path

from nomad_jobs.apps.bot_detector.classifier import load
from nomad_jobs.apps.bot_detector.server import make_app
from nomad_jobs.apps.serving.run import Listener, add_arguments, exit_code, serve
from nomad_jobs.apps.serving.watched import WatchedJson, parse_keys


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python3 -m nomad_jobs.apps.bot_detector", description=__doc__)
    add_arguments(parser, ports={"--port": 0})
    parser.add_argument("--api-key-file", type=Path, required=True, metavar="FILE", help='JSON: {"keys": ["…"]}')
    args = parser.parse_args()
    keys = WatchedJson(args.api_key_file, parse_keys)
    listener = Listener(app=make_app(load(), lambda: keys.value), host=args.host, port=args.port)
    serve([listener], shutdown_timeout_s=args.shutdown_timeout)


if __name__ == "__main__":
    sys.exit(exit_code(main))
