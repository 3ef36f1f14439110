"""What Docker says where no test can make it say so: clouds' registries, names that nobody knows, a proxy's silence."""

import pytest

from scripts.ops.deploy.hints import fixes, plain
from tests.nomad_jobs.test_model import build

PULL = "Failed to pull `registry.example.com:5050/app:1@sha256:00`: "
DAEMON = f"{PULL}Error response from daemon: "
FULL = "write /usr/lib/python3.11/difflib.py: no space left on device"
FIXES = {
    "login": "write the login that the registry accepts",
    "reach": "start the registry",
    "longer": "raise starts_within_s",
    "disk": "free some: `docker system df`",
}
HEAD = f'{DAEMON}Head "https://registry.example.com:5050/v2/app/manifests/sha256:00": '


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (
            f"{HEAD}denied: Your authorization token has expired. Reauthenticate and try again.",
            "refuses the node's login",
        ),
        (f"{DAEMON}pull access denied for app, repository does not exist or may require", "refuses the node's login"),
        (
            f'{DAEMON}Get "https://x/v2/": dial tcp: lookup x on 10.0.0.2:53: no such host',
            "does not reach the registry",
        ),
        (f"{HEAD}net/http: request canceled (Client.Timeout exceeded while awaiting headers)", "does not reach"),
        (f'{DAEMON}Get "https://x/v2/": context deadline exceeded (Client.Timeout exceeded)', "does not reach"),
        (
            f"{PULL}failed to register layer: Error processing tar file(exit status 1): {FULL}",
            "disk where the node's Docker keeps images is full",
        ),
        (f"{PULL}context deadline exceeded", "the pull took longer than starts_within_s, 60 s"),
    ],
)
def test_each_has_one_meaning_and_one_fix(said: str, means: str) -> None:
    service = build()
    assert means in plain(said, service).removesuffix(said)
    (fix,) = [fix for word, fix in FIXES.items() if word in means]
    assert fixes(said, service).startswith(fix)
    assert [other for other in FIXES.values() if other != fix and other in fixes(said, service)] == []


def test_what_nobody_knows_stays_as_it_was_said() -> None:
    assert (plain("exit code 3", build()), fixes("exit code 3", build())) == ("exit code 3", "")
