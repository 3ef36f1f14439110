"""The engine takes vLLM's arguments, from the command line or a YAML file, and shows no key."""

from pathlib import Path

import pytest

from nomad_jobs.apps.engine.arguments import parse
from nomad_jobs.apps.engine.card import Settings
from nomad_jobs.errors import ConfigError
from tests.support.apps import SCOUT


def settings(config: Path, text: str, *argv: str) -> Settings:
    config.write_text(text)
    return parse(["--config", str(config), *argv])[1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "engine.yaml"


def test_keys_of_the_file_are_arguments_and_the_command_line_wins(config: Path) -> None:
    text = f"model: {SCOUT}\nmax-num-seqs: 4\nmax_model_len: 2048\nserved-model-name: scout\n"
    found = settings(config, text, "--max-num-seqs", "2")
    assert (found.served, found.limits.max_num_seqs, found.limits.max_model_len) == ("scout", 2, 2048)


def test_defaults_are_what_was_measured(config: Path) -> None:
    found = settings(config, f"model: {SCOUT}\n")
    assert (found.served, found.limits.max_num_seqs, found.limits.max_model_len) == (SCOUT, 16, 8448)
    assert found.limits.time_scale == 1


def test_several_keys_are_read_and_none_is_shown(config: Path) -> None:
    found = settings(config, f'model: {SCOUT}\napi-key: ["k-one", "k-two"]\n')
    assert found.api_keys == ("k-one", "k-two")
    assert "k-one" not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("api-key: []", "api-key must be a list of texts, none of them empty"),
        ('api-key: ["k", ""]', "api-key must be a list of texts, none of them empty"),
        ("api-key:", "api-key must be a list of texts, none of them empty"),
        ("api-key: 12", "api-key must be a list of texts, none of them empty"),
        ("gpu-memory: 1", "no such argument: gpu-memory"),
        ("- model", "must be a mapping"),
        ("a: [unclosed k-secret", "not YAML"),
        ("max-num-seqs: 2", "--model: is missing"),
        ("model: gpt-2", "no speed was published for 'gpt-2'"),
    ],
)
def test_a_wrong_file_is_refused_in_words_without_its_content(config: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        settings(config, text)
    assert "k-secret" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: No such file"):
        parse(["--config", str(tmp_path / "gone.yaml")])


@pytest.mark.parametrize("argv", [["--max-num-seqs", "0"], ["--time-scale", "-1"], ["--time-scale", "nan"]])
def test_a_wrong_value_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--model", SCOUT, *argv])
    assert argv[0] in capsys.readouterr().err


def test_the_model_may_be_the_first_word_as_with_vllm_serve() -> None:
    assert parse([SCOUT, "--model", "gpt-2"])[1].served == SCOUT


def test_keys_of_the_command_line_beat_those_of_the_file(config: Path) -> None:
    assert settings(config, f'model: {SCOUT}\napi-key: ["of-file"]\n', "--api-key", "k1", "k2").api_keys == ("k1", "k2")
    with pytest.raises(ConfigError, match="--api-key: api-key must be a list of texts, none of them empty"):
        settings(config, f"model: {SCOUT}\n", "--api-key", "")
