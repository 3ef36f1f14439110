"""What `berth images check` finds in an image that somebody spoiled."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_jobs.errors import Exit
from nomad_jobs.own_images import OWN_IMAGES
from scripts.ops.build import check
from scripts.ops.build.advisories import COMPARED, ECOSYSTEMS, Advisory, Affected, Event, Extract, Name, Part, Range
from scripts.ops.build.inside import look_inside
from scripts.ops.build.layout import Layout
from scripts.ops.build.packages import Kind
from scripts.ops.build.store import Record
from tests.support.oci import STATUS, copyright_file, debian, layout, wheel

CHAT = OWN_IMAGES[0]
SMALL = Record(digest="sha256:" + "0" * 64, unpacked_mb=1, packed_mb=1, adds_mb=1)
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
GOOD = {
    STATUS: debian(("bash", "5.2"), ("dash", "0.5")),
    "usr/share/doc/bash/copyright": copyright_file("GPL-3+"),
    "usr/share/doc/dash": "-> bash",
    **wheel("starlette", "1.10.0", "License-Expression: BSD-3-Clause"),
}


def found(image: Layout, record: Record = SMALL) -> list[str]:
    """Give what is wrong, without the way out."""
    errors = list(check.faults(CHAT, record, image, look_inside(image), check.rules()))
    assert [error.code for error in errors if error.code != Exit.POLICY] == []
    return [error.what for error in errors]


def test_a_good_image_has_no_faults(tmp_path: Path) -> None:
    assert found(layout(tmp_path, GOOD)) == []


def test_a_secret_is_found_also_where_a_later_layer_deletes_it(tmp_path: Path) -> None:
    image = layout(tmp_path, GOOD, {"srv/key.pem": KEY}, {"srv/.wh.key.pem": ""})
    planted = image.layers[1][7:19]
    assert found(image) == [f"/srv/key.pem holds what looks like a private key (layer {planted})"]


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("etc/app.conf", "token = hvs." + "a" * 30, "/etc/app.conf holds what looks like a Vault token"),
        ("srv/x.py", "KEY = 'AKIA" + "B" * 16 + "'", "/srv/x.py holds what looks like an AWS access key"),
        ("srv/x", "glpat-" + "a" * 20, "/srv/x holds what looks like a GitLab token"),
        ("srv/x", "ghp_" + "a" * 36, "/srv/x holds what looks like a GitHub token"),
        ("srv/x", "hf_" + "a" * 34, "/srv/x holds what looks like a Hugging Face token"),
        (
            "etc/pip.conf",
            "https://me:secret-word@example.com/",
            "/etc/pip.conf holds what looks like a password in a URL",
        ),
        ("home/me/.docker/config.json", "{}", "/home/me/.docker/config.json is a file of secrets"),
        ("home/me/.netrc", "", "/home/me/.netrc is a file of secrets"),
    ],
)
def test_secrets_have_a_form_or_a_place(tmp_path: Path, path: str, text: str, what: str) -> None:
    (one,) = found(layout(tmp_path, GOOD, {path: text}))
    assert one.startswith(what)
    assert "secret-word" not in one


def test_what_a_package_publishes_is_no_secret(tmp_path: Path) -> None:
    example = {"srv/example.json": "AKIAIOSFODNN7EXAMPLE", "srv/urls.py": "https://user:password@example.com/"}
    assert found(layout(tmp_path, GOOD, example)) == []
    (tmp_path / "more").mkdir()
    listed = {"usr/local/lib/python3.11/dist-packages/moto/moto_proxy/ca.key": KEY}
    assert found(layout(tmp_path / "more", GOOD, listed)) == []


def test_a_secret_in_a_variable_is_found(tmp_path: Path) -> None:
    image = layout(tmp_path, GOOD, Env=["TOKEN=glpat-" + "b" * 20])
    assert found(image) == ["the image's configuration holds what looks like a GitLab token"]


def test_a_licence_that_nobody_allowed_is_refused(tmp_path: Path) -> None:
    proprietary = wheel("vendor", "1.0", "License-Expression: LicenseRef-Proprietary")
    assert found(layout(tmp_path, GOOD, proprietary)) == ["vendor 1.0 is under LicenseRef-Proprietary"]
    (tmp_path / "more").mkdir()
    debians = {STATUS: debian(("codec", "2")), "usr/share/doc/codec/copyright": copyright_file("non-free")}
    assert found(layout(tmp_path / "more", GOOD, debians)) == ["codec 2 is under non-free"]


def test_a_package_without_a_licence_is_refused(tmp_path: Path) -> None:
    silent = wheel("silent", "1.0")
    assert found(layout(tmp_path, GOOD, silent)) == ["silent 1.0 names no licence that a program can read"]


def test_a_version_with_a_known_hole_is_refused(tmp_path: Path) -> None:
    old = wheel("idna", "3.6", "License-Expression: BSD-3-Clause")
    (what,) = found(layout(tmp_path, GOOD, old))
    assert what.startswith("idna 3.6 has GHSA-jjg7-2v4v-x38h, fixed in 3.7: ")


def test_a_debian_package_behind_its_fix_is_refused(tmp_path: Path) -> None:
    old = debian(("bash", "5.2"), ("openssl", "3.0.14-1~deb12u1"))
    names = {"usr/share/doc/openssl": "-> bash"}
    whats = found(layout(tmp_path, GOOD, {STATUS: old, **names}))
    assert "openssl 3.0.14-1~deb12u1 has CVE-2024-6119, fixed in 3.0.14-1~deb12u2" in whats
    assert [what for what in whats if not what.startswith("openssl ")] == []


@pytest.mark.parametrize(("kind", "is_refused"), [(Kind.DEBIAN, False), (Kind.PYTHON, True)])
def test_a_hole_that_debian_leaves_open_is_counted_and_one_of_a_wheel_refused(
    tmp_path: Path, kind: Kind, is_refused: bool
) -> None:
    name = Name(ecosystem=ECOSYSTEMS[kind], name="bash" if kind is Kind.DEBIAN else "starlette")
    ranges = [Range(type=COMPARED, events=[Event(introduced="0")])]
    advisory = Advisory(id="X-1", summary="a hole", affected=[Affected(package=name, ranges=ranges)])
    part = Part(day=dt.date(2026, 11, 27), source="a test", leaves_out="")
    rules = replace(check.rules(), advisories=Extract(recorded={name.ecosystem: part}, advisories=[advisory]))
    image = layout(tmp_path, GOOD)
    errors = [error.what for error in check.faults(CHAT, SMALL, image, look_inside(image), rules)]
    assert errors == (["starlette 1.10.0 has X-1: a hole"] if is_refused else [])


def test_a_later_layer_counts_and_not_what_it_replaced(tmp_path: Path) -> None:
    name = next(iter(wheel("idna", "3.6")))
    replaced = {name.replace("METADATA", ".wh.METADATA"): ""}
    assert found(layout(tmp_path, GOOD, wheel("idna", "3.6"), replaced)) == []


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "app", "10001"])
def test_an_image_that_may_run_as_root_is_refused(tmp_path: Path, user: str) -> None:
    assert found(layout(tmp_path, GOOD, user=user)) == ["does not name a user by number"]


def test_compilers_and_caches_are_refused(tmp_path: Path) -> None:
    image = layout(tmp_path, GOOD, {"usr/bin/gcc": "x", "var/lib/apt/lists/x": "x", "wheels/pip.whl": "x"})
    assert found(image) == ["still has /usr/bin/gcc", "still has /var/lib/apt", "still has /wheels"]


def test_an_image_over_its_budget_is_refused(tmp_path: Path) -> None:
    large = replace(SMALL, unpacked_mb=CHAT.budget_mb + 1, adds_mb=CHAT.adds_mb + 1)
    assert found(layout(tmp_path, GOOD), large) == [
        f"has {CHAT.budget_mb + 1} MB, and its budget is {CHAT.budget_mb}",
        f"adds {CHAT.adds_mb + 1} MB to its base, and may add {CHAT.adds_mb}",
    ]


def test_a_damaged_image_says_so(tmp_path: Path) -> None:
    image = layout(tmp_path, GOOD)
    next((tmp_path / "blobs" / "sha256").iterdir()).unlink()
    with pytest.raises(Exception, match=r"is damaged: .* — remove the folder and run `berth images build`"):
        look_inside(image)
