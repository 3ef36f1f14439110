"""What real programs said under Berth's defaults, and the field of `Container` that each line leads to."""

import pytest

from nomad_jobs.model import Container, User
from scripts.ops.deploy.container_fixes import fix_of

STRICT = Container(image="x:1")
WITH_USER = Container(image="x:1", user=User(uid=999, gid=999))
WRITABLE = Container(image="x:1", is_root_writable=True)
RIGHTS = "capabilities=('chown', 'setgid', 'setuid')"
OTHERS = "that file is another user's: "

NGINX = '[emerg] 1#1: mkdir() "/var/cache/nginx/client_temp" failed'
REDIS = 'error: failed switching to "redis": operation not permitted'
PROMETHEUS = 'msg="Error loading config" err="open /local/its.yml: permission denied"'
POSTGRES = """chmod: changing permissions of '/var/lib/postgresql/data': Operation not permitted
chmod: changing permissions of '/var/run/postgresql': Read-only file system
error: failed switching to "postgres": operation not permitted"""
SOCKET = """FATAL:  could not create lock file "/var/run/postgresql/.s.PGSQL.5432.lock": Read-only file system
LOG:  database system is shut down"""
UNANSWERED = """check 'http http /' of x is critical: Get "http://10.213.0.1:29447/": connect: connection refused"""


@pytest.mark.parametrize(
    ("said", "container", "leads_to"),
    [
        (f"{NGINX} (30: Read-only file system)", STRICT, "is_root_writable=True"),
        (f"{NGINX} (13: Permission denied)", WITH_USER, f"{OTHERS}leave user out"),
        (f"{NGINX} (13: Permission denied)", WRITABLE, f"{OTHERS}user=User("),
        ('chown("/var/cache/nginx/client_temp", 33) failed (1: Operation not permitted)', WRITABLE, RIGHTS),
        ("exec /usr/bin/caddy: operation not permitted", STRICT, "capabilities=('net_bind_service',)"),
        (REDIS, STRICT, "its entrypoint becomes another user: user=User("),
        (REDIS, WITH_USER, RIGHTS),
        (POSTGRES, STRICT, "its entrypoint becomes another user: user=User("),
        (SOCKET, WITH_USER, "is_root_writable=True"),
        (PROMETHEUS, STRICT, "its files belong to root, and its image runs as another user: user=User("),
        ('Exit Code: 137, Exit Message: "OOM Killed"', STRICT, "memory_mb in its Size"),
        ("write /tmp/upload: no space left on device", STRICT, "its /tmp has 64 MB"),
        (UNANSWERED, STRICT, "Port(container=…) must be the one"),
    ],
)
def test_the_words_of_a_refusal_lead_to_one_field(said: str, container: Container, leads_to: str) -> None:
    assert leads_to in fix_of(said, container)


@pytest.mark.parametrize(
    ("said", "container"),
    [
        ("info: can not modify default.conf (read-only file system?)", STRICT),
        (f"{NGINX} (30: Read-only file system)", WRITABLE),
        ("write /data/x: no space left on device", WRITABLE),
        ("chown: Operation not permitted", Container(image="x:1", capabilities=("chown", "setgid", "setuid"))),
        (f"task 'x' ended: Exit Code: 1; {UNANSWERED}", STRICT),
        ("Traceback (most recent call last): ImportError", STRICT),
    ],
)
def test_what_tells_nothing_or_is_allowed_already_leads_nowhere(said: str, container: Container) -> None:
    assert fix_of(said, container) == ""


def test_capabilities_that_are_there_stay_in_what_is_proposed() -> None:
    kept = Container(image="x:1", capabilities=("kill",))
    assert "capabilities=('kill', 'net_bind_service')" in fix_of("exec /usr/bin/caddy: operation not permitted", kept)
