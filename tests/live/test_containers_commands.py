"""What a container runs: its image's ENTRYPOINT and CMD, and what Berth gives instead of either."""

from collections.abc import Iterator

import pytest

from nomad_jobs.model import Service
from tests.support.container_laptop import ContainerLaptop
from tests.support.container_tasks import inside, running, task, with_image

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]


def writes(name: str) -> list[str]:
    """Give the argv of a program that writes its name and its arguments down, each in brackets, and stays."""
    return ["/bin/sh", "-c", 'printf \'[%s]\' "$0" "$@" > /local/seen; exec sleep 3600', name]


ODD = ("${NOMAD_PORT_http}", "${HOME}", "$${x}", "%{y}", "$", "${NOMAD_TASK_DIR}/${BERTH_STACK}-${", "a b'\"\\")
CASES: tuple[tuple[Service, str], ...] = (
    (task("test-entry", tag="entry"), "[entry]"),
    (task("test-entry-argv", "a", "b c", tag="entry"), "[entry][a][b c]"),
    (task("test-cmd", tag="cmd"), "[cmd][default]"),
    (task("test-cmd-argv", *writes("mine"), tag="cmd"), "[mine]"),
    (task("test-both", tag="both"), "[entry][default]"),
    (task("test-both-argv", "x", tag="both"), "[entry][x]"),
    (task("test-instead", tag="both", entrypoint=tuple(writes("mine"))), "[mine]"),
    (
        task("test-instead-argv", "y", tag="both", entrypoint=(*writes("${NOMAD_TASK_DIR}"), "${PATH}")),
        "[/local][${PATH}][y]",
    ),
    (
        task("test-odd", *ODD, tag="entry"),
        "[entry][8000][${HOME}][$${x}][%{y}][$][/local/local-${][a b'\"\\]",
    ),
)


@pytest.fixture(scope="module")
def _cases(with_containers: ContainerLaptop) -> Iterator[None]:
    laptop = with_image(with_containers.laptop, "entry", Entrypoint=writes("entry"), Cmd=None)
    laptop = with_image(laptop, "cmd", Entrypoint=None, Cmd=[*writes("cmd"), "default"])
    laptop = with_image(laptop, "both", Entrypoint=writes("entry"), Cmd=["default"])
    with running(laptop, *(service for service, _ in CASES)):
        yield


@pytest.mark.usefixtures("_cases")
@pytest.mark.parametrize(("service", "seen"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_a_container_runs_what_its_image_says_and_what_its_service_says_instead(
    service: Service, seen: str, with_containers: ContainerLaptop
) -> None:
    assert inside(with_containers, service.name, "cat /local/seen") == seen
