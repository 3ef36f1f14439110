"""What Python takes without a word and nobody means: one text for several, and a variable that is set twice."""

from typing import Any

import pytest

from nomad_jobs.errors import ConfigError
from nomad_jobs.model import Container, DynamicAws, Env, Process, Secret
from tests.nomad_jobs.test_model import KEY, build

ONE_TEXT: Any = "app -x"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"container": Container(image="app:1", argv=ONE_TEXT)}, "Container.argv is the text 'app -x': write command("),
        ({"process": Process(argv=ONE_TEXT)}, "Process.argv is the text 'app -x': write command('app -x')"),
        (
            {"env": (Env(name="A", value=DynamicAws(buckets=ONE_TEXT)["access_key"]),)},
            "DynamicAws.buckets is the text 'app -x': write ('app -x',), with a comma",
        ),
    ],
)
def test_one_text_in_place_of_several_is_told_from_its_letters(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**changes)
    assert says in str(caught.value)


def test_a_secret_whose_fields_are_one_text_has_none_of_its_letters() -> None:
    with pytest.raises(ConfigError, match="fields is the text 'app -x': write"):
        Secret(name="key", fields=ONE_TEXT)["a"]


def test_a_variable_is_set_once() -> None:
    with pytest.raises(ConfigError, match="sets environment variable A 2 times: leave one"):
        build(env=(Env(name="A", value="x"), Env(name="A", value=KEY["value"])))
