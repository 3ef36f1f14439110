"""`berth deploy` on a laptop with containers runs what is built of this checkout, whatever ran before."""

import pytest

from nomad_jobs.errors import Exit
from nomad_jobs.images import Pins
from nomad_jobs.registry import apps_image
from nomad_jobs.resolve import resolve
from scripts import cli
from scripts.ops import catalogue
from scripts.ops.local.containers import images
from scripts.ops.local.setup.seed import seed
from scripts.ops.local.setup.serve import give_access
from tests.support.container_laptop import ContainerLaptop
from tests.support.laptop import quiet

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]

NAME = "bot-detector"


def test_an_image_built_since_the_last_up_is_what_deploy_runs(
    with_containers: ContainerLaptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = with_containers.laptop
    monkeypatch.setenv("BERTH_STATE_DIR", str(laptop.state.root))
    laptop.state.write(laptop.state.root / "platform.json", laptop.platform.to_json())
    services = resolve(catalogue._services(), laptop.platform.stack, laptop.platform.driver).services
    seed(services, laptop.platform, laptop.target.vault, laptop.state.keys)
    give_access(services, laptop.pins, laptop.state, laptop.target, quiet())
    laptop.deploy(*(one for one in services if one.is_front_door))
    reference = apps_image(NAME)
    images.keep(Pins({reference: images.UNBUILT}), laptop.state)  # what some earlier `up` had built
    assert cli.run(["deploy", "--only", NAME]) == Exit.DONE
    job = laptop.target.nomad.job(NAME)
    assert job is not None
    assert job["TaskGroups"][0]["Tasks"][0]["Config"]["image"].endswith(f"@{laptop.pins[reference]}")
    laptop.target.nomad.stop(NAME, purge=True)
