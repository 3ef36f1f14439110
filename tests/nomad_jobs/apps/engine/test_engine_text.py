"""Tokens and sentences: nothing lost, nothing said that is not so, the same again for the same seed."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.engine.text import FACTS, Step, chat_reply, joined, sentences, steps
from nomad_jobs.apps.engine.tokens import count, pieces

PROSE = " ".join(FACTS)


@given(st.text())
def test_joined_again_the_tokens_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(), st.text())
def test_more_text_never_has_fewer_tokens(text: str, more: str) -> None:
    assert count(text) <= count(text + more)
    assert count(text) <= len(text)


def test_english_comes_to_about_1_3_tokens_a_word() -> None:
    assert 1.1 < count(PROSE) / len(PROSE.split()) < 1.5


def test_scripts_without_spaces_count_by_letter() -> None:
    assert count("模型没有加载") == 6


def say(prompt: str = "hello", *, seed: int | None = None, greedy: bool = False) -> str:
    return "".join(islice(joined(sentences(model="m", prompt=prompt, seed=seed, greedy=greedy)), 400))


def test_the_first_sentence_says_that_it_is_a_simulator() -> None:
    assert say().startswith("This is Berth's engine simulator, answering as m: no model is loaded")


@given(st.text(max_size=20), st.integers())
def test_the_same_seed_and_prompt_give_the_same_text(prompt: str, seed: int) -> None:
    assert say(prompt, seed=seed) == say(prompt, seed=seed)


def test_another_seed_gives_another_text_and_temperature_zero_needs_none() -> None:
    assert len({say(seed=seed) for seed in range(5)}) == 5
    assert say(greedy=True) == say(greedy=True, seed=7)
    assert len({say() for _ in range(5)}) > 1


def test_a_chat_reply_ends_by_itself_and_quotes_the_message() -> None:
    said = list(
        chat_reply(
            sentences(model="m", prompt="", seed=1, greedy=False), "What is it that you are doing here all day?", 9
        )
    )
    assert said[1] == "Your message of 9 tokens arrived whole: “What is it that you are doing here …”"
    assert 5 <= len(said) <= 8


def run(text: str, max_tokens: int = 10_000, stop: tuple[str, ...] = ()) -> list[Step]:
    return list(steps(pieces(text), max_tokens=max_tokens, stop=stop))


words = st.text(alphabet="ab ", max_size=40)
stops = st.lists(st.text(alphabet="ab ", min_size=1, max_size=5), max_size=4).map(tuple)


@given(words, st.integers(1, 50), stops)
def test_a_stop_string_never_shows_and_the_text_before_it_does(
    text: str, max_tokens: int, stop: tuple[str, ...]
) -> None:
    done = run(text, max_tokens, stop)
    shown = "".join(step.text for step in done)
    assert text.startswith(shown)
    assert not any(word in shown for word in stop)
    assert len(done) <= max_tokens
    assert [step.finish_reason for step in done[:-1]] == [None] * (len(done) - 1)


@given(words, st.integers(1, 50))
def test_without_a_stop_string_each_step_is_one_token_at_once(text: str, max_tokens: int) -> None:
    done = run(text, max_tokens)
    assert "".join(step.text for step in done) == "".join(islice(pieces(text), max_tokens))
    assert done[-1].finish_reason == ("length" if count(text) >= max_tokens else "stop")


def test_a_stop_string_may_span_tokens() -> None:
    done = run("one two three four", stop=("wo thr",))
    assert "".join(step.text for step in done) == "one t"
    assert done[-1].finish_reason == "stop"


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_is_one_sentence(fact: str) -> None:
    assert fact.endswith(".")
