"""The containers' network: made once, in a subnet that nobody has, and removed with all that is in it."""

import subprocess
from pathlib import Path

import pytest

from nomad_jobs.errors import BerthError
from scripts.ops.local.containers import network
from scripts.ops.local.settings import Containers
from tests.scripts.ops.local.containers.conftest import Room
from tests.support.machines.namespaces import ip

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("containers")]


def names(room: Room) -> set[str]:
    return set(room.docker("network", "ls", "--format", "{{.Name}}").split())


def test_it_is_made_once_with_a_bridge_of_its_own_name(room: Room, held: Containers, tmp_path: Path) -> None:
    assert network.hold(held, tmp_path) == held
    bridges = subprocess.run(["ip", "-brief", "addr", "show", held.network], capture_output=True, text=True, check=True)
    assert f"{held.address}/24" in bridges.stdout
    assert held.network in names(room)


def test_a_subnet_that_this_machine_routes_elsewhere_is_left_alone(room: Room, tmp_path: Path) -> None:
    wanted = room.containers(tmp_path)
    ip("route", "add", "blackhole", "10.213.0.0/25")  # a part of it is enough
    try:
        made = network.hold(wanted, tmp_path)
        assert wanted.subnet == "10.213.0.0/24"
        assert made.subnet != wanted.subnet
        assert made.subnet.startswith("10.213.")
    finally:
        ip("route", "delete", "blackhole", "10.213.0.0/25")
        network.remove(room.containers(tmp_path), "")


def test_inside_a_vpn_that_takes_all_of_10_the_network_still_finds_a_place(room: Room, tmp_path: Path) -> None:
    ip("route", "add", "blackhole", "10.0.0.0/8")
    try:
        assert network.hold(room.containers(tmp_path), tmp_path).subnet.startswith("10.213.")
    finally:
        ip("route", "delete", "blackhole", "10.0.0.0/8")
        network.remove(room.containers(tmp_path), "")


def test_where_dockers_own_rules_were_flushed_a_restart_of_docker_is_advised(room: Room, tmp_path: Path) -> None:
    network.hold(room.containers(tmp_path), tmp_path)
    saved = subprocess.run(["iptables-save"], capture_output=True, check=True).stdout
    try:
        for words in (("-F",), ("-X",)):
            subprocess.run(["iptables", "-t", "nat", *words], check=True)
        with pytest.raises(BerthError, match=r"its own firewall rules are gone.*restart Docker"):
            network.hold(room.containers(tmp_path), tmp_path)
    finally:
        subprocess.run(["iptables-restore"], input=saved, check=True)
        network.remove(room.containers(tmp_path), "")


def test_a_container_that_nomad_no_longer_has_is_removed_and_the_others_stay(
    room: Room, held: Containers, tmp_path: Path
) -> None:
    archive = _busy(tmp_path)
    room.docker("import", str(archive), "busy:1")
    for name in ("old", "new"):
        label = f"com.hashicorp.nomad.alloc_id={name}"
        room.docker("run", "--detach", "--network", held.network, "--name", name, "--label", label, "busy:1", "/busy")
    try:
        assert network.remove_strays(held, {"new"}) == ["old"]
        assert room.docker("ps", "--format", "{{.Names}}") == "new"
    finally:
        room.docker("rm", "--force", "new")
        room.docker("image", "rm", "busy:1")


def test_platforms_side_by_side_have_different_networks(room: Room, held: Containers, tmp_path: Path) -> None:
    other = tmp_path / "other"
    second = network.hold(room.containers(other), other)
    try:
        assert second.network != held.network
        assert second.subnet != held.subnet
    finally:
        network.remove(second, "")
    assert held.network in names(room)


def test_a_network_of_that_name_that_is_somebody_elses_is_refused_and_stays(room: Room, tmp_path: Path) -> None:
    wanted = room.containers(tmp_path)
    room.docker("network", "create", wanted.network)
    try:
        with pytest.raises(BerthError, match="is there already, and not this platform's"):
            network.hold(wanted, tmp_path)
        assert wanted.network in names(room)
    finally:
        room.docker("network", "rm", wanted.network)


def test_one_that_was_removed_by_hand_comes_back_in_the_same_subnet(
    room: Room, held: Containers, tmp_path: Path
) -> None:
    room.docker("network", "rm", held.network)
    assert network.hold(held, tmp_path) == held


def test_removing_it_takes_its_containers_and_its_registrys_images_and_nothing_else(room: Room, tmp_path: Path) -> None:
    held = network.hold(room.containers(tmp_path), tmp_path)
    (tmp_path / "file").write_text("an image needs one")
    for name in ("10.213.0.1:5050/ours:1", "theirs:1"):
        room.docker("import", str(_archive(tmp_path)), name)
    room.docker("create", "--network", held.network, "--name", "left-behind", "theirs:1", "/file")
    network.remove(held, "10.213.0.1:5050")
    assert held.network not in names(room)
    assert room.docker("ps", "--all", "--format", "{{.Names}}") == ""
    assert room.docker("image", "ls", "--format", "{{.Repository}}") == "theirs"
    room.docker("image", "rm", "theirs:1")


def _busy(folder: Path) -> Path:
    """Make an image with one program that waits, and needs no library."""
    source = folder / "busy.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["gcc", "-static", "-o", folder / "busy", source], check=True)
    archive = folder / "busy.tar"
    subprocess.run(["tar", "-C", folder, "-cf", archive, "busy"], check=True)
    return archive


def _archive(folder: Path) -> Path:
    archive = folder / "image.tar"
    subprocess.run(["tar", "-C", folder, "-cf", archive, "file"], check=True)
    return archive
