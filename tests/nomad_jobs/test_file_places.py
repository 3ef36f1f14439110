"""Where a task's files may be: no two in one place, and none mounted where it would be stale or in the way."""

from typing import Any

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.model import File, OnChange, Peers, Service
from nomad_jobs.render import render_job
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, test_pins

PINS = test_pins("app:1")


def at(place: str, name: str = "file", **changes: Any) -> File:
    """A file that is mounted at `place`."""
    return File(**{"path": f"local/{name}", "parts": (), "mounted_at": place, **changes})


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((File(path="secrets//env", parts=()),), "is where Berth or Nomad writes its own: choose another name"),
        ((File(path="local/a", parts=()), File(path="local//a", parts=())), "has two files at local/a"),
        ((at("/etc/a", "a"), at("/etc/a", "b")), "has two files at /etc/a"),
        ((at("/etc/a/b", "a"), at("/etc/a", "b")), "a file at /etc/a, and another one below it at /etc/a/b"),
        ((at("etc/app.yml"),), "is mounted at 'etc/app.yml', which must be a whole path such as"),
        ((at("/"),), "is mounted at '/', which must be a whole path such as"),
        ((at("/etc/app/"),), "is mounted at '/etc/app/', which must be a whole path"),
        ((at("/etc/../proc/x"),), "is mounted at '/etc/../proc/x', which must be a whole path"),
        ((at("/etc//x"),), "is mounted at '/etc//x', which must be a whole path"),
        ((at("/${HOME}/x"),), "which must be a whole path"),
        ((at("/proc"),), "is mounted at '/proc', but /proc is Docker's or Nomad's own"),
        ((at("/sys/fs/x"),), "but /sys is Docker's or Nomad's own"),
        ((at("/dev/pts"),), "but /dev is Docker's or Nomad's own"),
        ((at("/alloc/x"),), "but /alloc is Docker's or Nomad's own"),
        ((at("/secrets/x"),), "but /secrets is Docker's or Nomad's own"),
        ((at("/etc/x", is_reread=True),), "where its container would not see it change: leave mounted_at"),
        ((at("/etc/x", on_change=OnChange.SCRIPT),), "where its container would not see it change"),
        ((at("/etc/x", is_template=True),), "where its container would not see it change"),
        ((at("/etc/x", parts=(Peers("other"),)),), "where its container would not see it change"),
    ],
)
def test_a_wrong_place_is_named_in_one_line(files: tuple[File, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(files=files)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["/etc/app/config.yml", "/x", "/etc/.hidden", "/etc/a..b", "/process/x", "/locals"])
def test_a_place_of_the_images_own_is_taken(place: str) -> None:
    assert build(files=(at(place),)).files[0].mounted_at == place


def test_another_mount_replaces_the_instances() -> None:
    forms = [form(build(files=(at(place),))) for place in ("", "/etc/x", "/etc/y")]
    assert len(set(forms)) == 3


def form(service: Service) -> str:
    (line,) = [line for line in render_job(service, CLOUD, images=PINS).splitlines() if "berth_form" in line]
    return line
