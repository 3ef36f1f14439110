"""A base that comes from a real registry by its digest."""

import base64
import json
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_jobs.errors import AuthError, BerthError, ConfigError
from nomad_jobs.images import ImageByDigest
from nomad_jobs.own_images import Base
from scripts.ops.build import base_image, hand_over, store
from scripts.ops.build.layout import Layout
from scripts.ops.build.run import Built
from tests.support.image_yard import DETECTOR, Yard
from tests.support.oci import STATUS, debian, layer
from tests.support.registry import PASSWORD, USER, Registry
from tests.support.registry_peers import Exchange, Proxy

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("images")]

NEVER = "sha256:" + "0" * 64
BOOKWORM = {"usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\n', "etc/os-release": "-> ../usr/lib/os-release"}
GOOD = {**BOOKWORM, STATUS: debian(("bash", "5.2"))}
TRIXIE = {"usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 13"\nID=debian\nVERSION_ID="13"\n'}


@pytest.fixture(autouse=True)
def no_logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def published(yard: Yard, detector: Built, hub: Registry) -> ImageByDigest:
    """Push the base that mmdebstrap made, as if it were somebody's Debian."""
    assert detector.is_new
    with yard.chosen():
        (home,) = (store.root() / "base-python").iterdir()
        base = store.layout_in(home)
        hand_over.push(base, f"{hub.address}/debian:12-slim")
    return ImageByDigest(reference=f"{hub.address}/debian:12-slim", digest=base.digest)


def fetched(tmp_path: Path, reference: str, digest: str, name: str = "fetched") -> Layout:
    image = ImageByDigest(reference=reference, digest=digest)
    layout = Layout(tmp_path / name)
    base_image.fetch(Base(name="python", image=image), image, layout)
    return layout


def test_the_same_base_from_a_registry_gives_the_same_image(
    yard: Yard, detector: Built, published: ImageByDigest, hub: Registry, tmp_path: Path
) -> None:
    other = Yard(tmp_path / "cache", yard.lock)
    over = replace(DETECTOR, base=Base(name="python", image=published))
    (built,) = other.build(over)
    assert (built.is_new, built.record) == (True, detector.record)
    assert built.key != detector.key
    hub.delete("debian", published.digest)
    (again,) = other.build(over)
    assert not again.is_new
    (another,) = other.build(replace(over, arguments=(*over.arguments, ("OTHER", "1"))))
    assert another.is_new
    assert other.left_over() == []


def test_a_digest_that_is_gone_is_named_and_leaves_nothing(yard: Yard, hub: Registry, tmp_path: Path) -> None:
    image = ImageByDigest(reference=f"{hub.address}/debian:12-slim", digest=NEVER)
    other = Yard(tmp_path / "cache", yard.lock)
    with pytest.raises(
        ConfigError, match=rf"base python: image .*:12-slim: {hub.address} has no {NEVER} — name another"
    ):
        other.build(replace(DETECTOR, base=Base(name="python", image=image)))
    assert other.left_over() == []
    with other.chosen():
        assert list(store.root().glob("*/*")) == []


def test_a_login_is_used_and_asked_for(hub: Registry, private_hub: Registry, tmp_path: Path) -> None:
    digest = hub.push("debian", "1", "x", layers=[layer(GOOD)])
    reference = f"{private_hub.address}/debian:1"
    with pytest.raises(
        AuthError, match=f"base python: image .*wants a login.*run `docker login {private_hub.address}`"
    ):
        fetched(tmp_path, reference, digest)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {private_hub.address: {"auth": auth}}}))
    assert fetched(tmp_path, reference, digest).digest == digest


def test_a_registry_that_is_away_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            BerthError, match=rf"base python: image .*{address} cannot be asked: .* — check the network"
        ):
            fetched(tmp_path, f"{address}/debian:1", NEVER)


def test_a_certificate_must_be_trusted(tls_hub: str, tmp_path: Path) -> None:
    with pytest.raises(BerthError, match=r"base python: image .*CERTIFICATE_VERIFY_FAILED"):
        fetched(tmp_path, f"{tls_hub}/app:1", NEVER)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (False, "is for linux/arm64, and our nodes are linux/amd64 — name"),
        (True, "it has no image for linux/amd64 .*— name"),
    ],
)
def test_another_processor_is_refused(hub: Registry, tmp_path: Path, index: bool, message: str) -> None:
    digest = hub.push("debian", "arm", "x", index=index, architecture="arm64", layers=[layer(GOOD)])
    with pytest.raises(BerthError, match=message):
        fetched(tmp_path, f"{hub.address}/debian:arm", digest)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"srv/x": "x"}, "is no Debian, and not Debian 12 — name another digest"),
        ({**GOOD, **TRIXIE}, "is Debian GNU/Linux 13, and not Debian 12"),
        (BOOKWORM, "has no /var/lib/dpkg/status, so that nobody can say what is in it"),
    ],
)
def test_what_nobody_could_list_is_refused(hub: Registry, tmp_path: Path, files: dict[str, str], message: str) -> None:
    digest = hub.push("debian", "other", "x", layers=[layer(files)])
    with pytest.raises(ConfigError, match=message):
        fetched(tmp_path, f"{hub.address}/debian:other", digest)


def test_of_an_index_the_image_for_our_nodes_is_taken(hub: Registry, tmp_path: Path) -> None:
    index = hub.push("debian", "all", "x", index=True, layers=[layer(GOOD)])
    layout = fetched(tmp_path, f"{hub.address}/debian:all", index)
    assert layout.digest != index
    assert layout.digest.removeprefix("sha256:") in {path.name for path in (layout.folder / "blobs/sha256").iterdir()}


def test_dockers_older_form_is_taken_and_gives_the_same_bytes_each_time(hub: Registry, tmp_path: Path) -> None:
    digest = hub.push("debian", "new", "x", layers=[layer(GOOD)])
    fetched(tmp_path, f"{hub.address}/debian:new", digest)
    tls = ["--src-tls-verify=false", "--dest-tls-verify=false", "--format=v2s2", f"--digestfile={tmp_path}/digest"]
    names = [f"docker://{hub.address}/debian:{tag}" for tag in ("new", "old")]
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", *tls, *names], check=True)
    older = (tmp_path / "digest").read_text()
    found = [fetched(tmp_path, f"{hub.address}/debian:old", older, name).digest for name in ("one", "two")]
    assert older != digest
    assert found[0] == found[1]


def test_other_bytes_than_the_digest_says_are_refused(hub: Registry, hub_proxy: Proxy, tmp_path: Path) -> None:
    def changes(exchange: Exchange) -> None:
        exchange.body = exchange.body.replace(b"genuine", b"changed")

    digest = hub.push("debian", "1", "genuine", layers=[layer(GOOD)])
    hub_proxy.fault = changes
    with pytest.raises(BerthError, match=r"base python: .* serves other bytes than the digest says .*— ask whoever"):
        fetched(tmp_path, f"{hub_proxy.address}/debian:1", digest)


def test_a_layer_that_is_gone_is_named(hub: Registry, tmp_path: Path) -> None:
    digest = hub.push("halved", "1", "x", layers=[layer({**GOOD, "srv/only-here": "x"})])
    found = fetched(tmp_path, f"{hub.address}/halved:1", digest)
    hub.delete("halved", found.layers[0], kind="blobs")
    with pytest.raises(BerthError, match=r"the registry does not have all of it .*— name another digest"):
        fetched(tmp_path, f"{hub.address}/halved:1", digest, "again")
