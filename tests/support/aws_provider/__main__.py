"""Serves the provider on a port of the system's choosing, and prints the port: what the engine expects of a plugin."""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from tests.support.aws_provider.invokes import INVOKES
from tests.support.aws_provider.rows import ROWS
from tests.support.aws_provider.server import Provider

_LARGEST = 400 * 1024 * 1024  # bytes of one message, as the engine has it


def main() -> None:
    """Serve until the engine ends this process."""
    options = [("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)]
    server = grpc.server(ThreadPoolExecutor(16), options=options)
    provider = Provider(ROWS, INVOKES, version("pulumi-aws"))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


main()
