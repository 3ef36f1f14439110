"""Tag references and `images.lock`, without any registry."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_jobs.errors import BerthError, ConfigError, Exit, ManyErrors
from nomad_jobs.images import ImageRef, Pins, dump_lock, is_loopback, parse_lock, pinned

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64

_registries = st.sampled_from(
    ("", "docker.io/", "localhost/", "127.0.0.1:5000/", "[::1]:5000/", "registry.example.com:5050/", "Host/")
)
_repositories = st.from_regex(
    r"[a-z0-9]{1,6}((_|__|-{1,3})[a-z0-9]{1,4})?(/[a-z0-9]{1,4}(\.[a-z0-9])?)?", fullmatch=True
)
_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
references = st.builds("{}{}:{}".format, _registries, _repositories, _tags)
digests = st.binary(min_size=32, max_size=32).map(lambda value: f"sha256:{value.hex()}")
unhurried = settings(deadline=None)  # a busy machine is no failure
pin_sets = st.dictionaries(references, digests, max_size=8)


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "tag", "url"),
    [
        (
            "vllm/vllm-openai:v0.19.1",
            "docker.io",
            "vllm/vllm-openai",
            "v0.19.1",
            "https://registry-1.docker.io/v2/vllm/vllm-openai/manifests/v0.19.1",
        ),
        (
            "nginx:1.28",
            "docker.io",
            "library/nginx",
            "1.28",
            "https://registry-1.docker.io/v2/library/nginx/manifests/1.28",
        ),
        (
            "index.docker.io/nginx:1.28",
            "docker.io",
            "library/nginx",
            "1.28",
            "https://registry-1.docker.io/v2/library/nginx/manifests/1.28",
        ),
        (
            "registry.example.com:5050/backend/chat/main:0.1.0",
            "registry.example.com:5050",
            "backend/chat/main",
            "0.1.0",
            "https://registry.example.com:5050/v2/backend/chat/main/manifests/0.1.0",
        ),
        ("localhost/app:1", "localhost", "app", "1", "http://localhost/v2/app/manifests/1"),
        ("127.0.0.9:5000/app:1", "127.0.0.9:5000", "app", "1", "http://127.0.0.9:5000/v2/app/manifests/1"),
        ("[::1]:5000/app:1", "[::1]:5000", "app", "1", "http://[::1]:5000/v2/app/manifests/1"),
    ],
)
def test_a_reference_is_read_with_dockers_defaults(
    reference: str, registry: str, repository: str, tag: str, url: str
) -> None:
    ref = ImageRef.parse(reference)
    assert (ref.registry, ref.repository, ref.tag) == (registry, repository, tag)
    assert ref.manifest_url == url


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nginx", "has no tag — write one, as in nginx:1.28"),
        ("registry.example.com:5050/app", "has no tag"),
        (":1", "has no tag"),
        (f"nginx:1.28@{DIGEST}", "names a digest — write only the tag"),
        ("Nginx:1", "repository 'library/Nginx' must be lower-case"),
        ("a//b:1", "repository 'a//b' must be"),
        ("nginx:-1", "tag '-1' must be up to 128 letters"),
        ("nginx:1\n", "tag '1\\n' must be"),
        ("nginx:" + "1" * 129, "must be up to 128 letters"),
        ("under_score.example.com/app:1", "registry 'under_score.example.com' is no host"),
        ("https:/app:1", "registry 'https:' is no host"),
        ("nginx:\uff11", "tag '\uff11' must be"),  # a digit, but not an ASCII one
        ("registry.example.com/" + "a" * 240 + ":1", "is longer than 255 characters"),
    ],
)
def test_what_docker_would_not_read_is_refused_in_words(reference: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ImageRef.parse(reference)
    assert message in str(caught.value)


def test_every_fault_of_a_reference_is_named_at_once() -> None:
    with pytest.raises(ManyErrors, match=r"registry(.|\n)*repository(.|\n)*tag"):
        ImageRef(registry="a b", repository="A", tag="")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.3", "::1", "[::1]"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "127.1", "10.0.0.1", ""],
)
def test_nothing_else_passes_for_loopback(host: str) -> None:
    assert not is_loopback(host)


@unhurried
@given(st.text())
def test_any_text_is_a_reference_or_a_config_error(text: str) -> None:
    code = Exit.CONFIG
    try:
        ImageRef.parse(text)
    except BerthError as error:
        code = error.code
    assert code is Exit.CONFIG


@unhurried
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\n #:@/ sha256abcdef019"))))
def test_any_text_is_a_lock_or_a_config_error(text: str) -> None:
    code = Exit.CONFIG
    try:
        pins = parse_lock(text)
    except BerthError as error:
        code = error.code
    else:
        assert parse_lock(dump_lock(pins)) == pins
    assert code is Exit.CONFIG


@unhurried
@given(pin_sets)
def test_a_lock_comes_back_as_it_was_written(entries: dict[str, str]) -> None:
    pins = Pins(entries)
    text = dump_lock(pins)
    assert parse_lock(text) == pins == entries
    assert dump_lock(Pins(dict(reversed(entries.items())))) == text
    assert [line for line in text.splitlines() if line[0] != "#"] == [
        f"{reference} {entries[reference]}" for reference in sorted(entries)
    ]


@unhurried
@given(references)
def test_a_reference_means_the_same_when_written_out(reference: str) -> None:
    ref = ImageRef.parse(reference)
    assert ImageRef.parse(f"{ref.registry}/{ref.repository}:{ref.tag}") == ref


def test_the_lock_reads_well_in_a_diff() -> None:
    text = dump_lock(Pins({"vllm/vllm-openai:v0.19.1": OTHER, "nginx:1.28": DIGEST}))
    assert text == (
        "# Written by `berth images pin`: which bytes each tag named. Other comments do not last.\n"
        f"nginx:1.28 {DIGEST}\n"
        f"vllm/vllm-openai:v0.19.1 {OTHER}\n"
    )


def test_every_wrong_line_of_a_lock_is_named_at_once() -> None:
    lines = [
        "# a comment",
        f"nginx:1.28 {DIGEST}",
        "=======",
        f"nginx:1.28 {OTHER}",
        f"redis:7 {DIGEST[:-1]}",
        f"redis {DIGEST}\r",
        "",
        f"postgres:16 {DIGEST.upper()}",
        f"mysql:8 {DIGEST} extra",
    ]
    with pytest.raises(ManyErrors) as caught:
        parse_lock("\n".join(lines))
    assert [error.where for error in caught.value.errors] == [f"images.lock:{n}" for n in (3, 4, 5, 6, 8, 9)]
    assert [error.what.split(" — ")[0] for error in caught.value.errors] == [
        "is no `reference digest` pair",
        "pins nginx:1.28 a second time",
        f"'{DIGEST[:-1]}' is not `sha256:` and 64 lower-case hex digits",
        "image 'redis': has no tag",
        f"'{DIGEST.upper()}' is not `sha256:` and 64 lower-case hex digits",
        "is no `reference digest` pair",
    ]


def test_pins_refuse_an_invented_digest() -> None:
    with pytest.raises(ConfigError, match="'sha256:abc' is not `sha256:` and 64"):
        Pins({"nginx:1.28": "sha256:abc"})


def test_pins_cannot_be_changed() -> None:
    entries = {"nginx:1.28": DIGEST}
    pins = Pins(entries)
    entries.clear()
    assert pins == {"nginx:1.28": DIGEST}
    assert not hasattr(pins, "__setitem__")


def test_a_pinned_image_has_both_tag_and_digest() -> None:
    assert pinned("nginx:1.28", Pins({"nginx:1.28": DIGEST})) == f"nginx:1.28@{DIGEST}"


def test_an_unpinned_image_is_refused_with_the_command_that_pins_it() -> None:
    with pytest.raises(ConfigError) as caught:
        pinned("nginx:1.28", Pins(), service="ingress")
    assert str(caught.value) == (
        "image nginx:1.28: has no digest in images.lock — run `berth images pin ingress` and commit the file"
    )
