"""A moto server for one test, in place of AWS, on a free port."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REGION = "us-east-1"
_ROOT = Path(__file__).parents[2]


@contextmanager
def moto_server() -> Iterator[str]:
    """Serve moto in a process of its own, which ends with its standard input; gives its URL."""
    argv = [sys.executable, "-m", "tests.support.moto_serve"]
    environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=_ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as moto:
        assert moto.stdout is not None
        assert moto.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(moto.stdout.readline())}"
        finally:
            moto.stdin.close()
            moto.wait(timeout=10)


def credentials(url: str) -> dict[str, str]:
    """Give the environment in which every AWS program talks to `url`, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
