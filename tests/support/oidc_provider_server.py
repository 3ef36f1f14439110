"""Serves the OIDC provider of the tests: `CERTIFICATE KEY`; the first line of stdout is its port."""

import sys

import oidc_provider_mock
from werkzeug.serving import make_server


def main() -> None:
    app = oidc_provider_mock.app(require_client_registration=True, require_nonce=True)
    app.debug = False
    server = make_server("localhost", 0, app, threaded=True, ssl_context=(sys.argv[1], sys.argv[2]))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
