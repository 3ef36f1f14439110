"""Starts the parser: `python3 -m nomad_jobs.apps.fw_parse --http-port N --https-port N --admin-port N`."""

import argparse
import sys
from pathlib import Path

from nomad_jobs.apps.fw_parse import tls
from nomad_jobs.apps.fw_parse.server import make_admin, make_parser
from nomad_jobs.apps.fw_parse.tally import Tally
from nomad_jobs.apps.serving.run import Listener, add_arguments, exit_code, serve

_PORTS = {"--http-port": 1337, "--https-port": 1339, "--admin-port": 3000}


def main() -> None:
    """Serve on all three ports until told to stop."""
    parser = argparse.ArgumentParser(prog="python3 -m nomad_jobs.apps.fw_parse", description=__doc__)
    add_arguments(parser, ports=_PORTS)
    text = "folder with tls.crt and tls.key (PEM); without it a self-signed certificate is made at start"
    parser.add_argument("--tls-dir", type=Path, metavar="DIR", help=text)
    args = parser.parse_args()
    context = tls.load(args.tls_dir) if args.tls_dir else tls.self_signed(args.host)
    tally = Tally()
    listeners = [
        Listener(name="http", app=make_parser(tally), host=args.host, port=args.http_port),
        Listener(name="https", app=make_parser(tally), host=args.host, port=args.https_port, tls=context),
        Listener(name="admin", app=make_admin(tally), host=args.host, port=args.admin_port),
    ]
    serve(listeners, shutdown_timeout_s=args.shutdown_timeout)


if __name__ == "__main__":
    sys.exit(exit_code(main))
