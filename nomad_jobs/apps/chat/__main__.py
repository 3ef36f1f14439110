"""Starts the chat page: `python3 -m nomad_jobs.apps.chat --model NAME --api-key-file FILE --peers FILE --port N`."""

import argparse
import sys
from pathlib import Path

from nomad_jobs.apps.chat.peers import Balancer, parse_peers
from nomad_jobs.apps.chat.server import Chat
from nomad_jobs.apps.chat.upstream import Upstream, make_client
from nomad_jobs.apps.serving.run import Listener, add_arguments, exit_code, serve
from nomad_jobs.apps.serving.watched import WatchedJson, parse_key
from nomad_jobs.limits import LONGEST_STREAM_S


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python3 -m nomad_jobs.apps.chat", description=__doc__)
    add_arguments(parser, ports={"--port": 0}, shutdown_timeout_s=LONGEST_STREAM_S)
    parser.add_argument("--model", required=True, metavar="NAME", help="the name the model is served under")
    parser.add_argument("--api-key-file", type=Path, required=True, metavar="FILE", help='JSON: {"key": "…"}')
    text = 'JSON: [{"address": "…", "port": N}, …], read again when it changes'
    parser.add_argument("--peers", type=Path, required=True, metavar="FILE", help=text)
    args = parser.parse_args()
    key = WatchedJson(args.api_key_file, parse_key)
    peers = WatchedJson(args.peers, parse_peers)
    balancer = Balancer(lambda: peers.value)
    client = make_client()
    app = Chat(args.model, balancer, Upstream(client, balancer, lambda: key.value)).app(client)
    serve([Listener(app=app, host=args.host, port=args.port)], shutdown_timeout_s=args.shutdown_timeout)


if __name__ == "__main__":
    sys.exit(exit_code(main))
