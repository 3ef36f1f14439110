"""The classifier is what training makes of the stated data, as good as it says, and behind a key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.bot_detector.classifier import COEFFICIENTS, load
from nomad_jobs.apps.bot_detector.features import FEATURES, vector
from nomad_jobs.apps.bot_detector.subscribers import Subscriber, generate
from nomad_jobs.apps.bot_detector.train import HELD_OUT_ROWS, TRAINING_ROWS, fit, train
from tests.support.apps import App, eventually, running

subscribers = st.builds(Subscriber, email=st.text(), name=st.text())


def test_the_committed_coefficients_are_what_training_gives() -> None:
    committed = json.loads(COEFFICIENTS.read_text())
    trained = train()
    assert trained["weights"] == pytest.approx(committed.pop("weights"), abs=2e-6)
    assert trained["intercept"] == pytest.approx(committed.pop("intercept"), abs=2e-6)
    assert {name: trained[name] for name in committed} == committed


def test_the_stated_accuracy_holds_on_rows_that_training_never_saw() -> None:
    classifier = load()
    held_out = list(generate(TRAINING_ROWS + HELD_OUT_ROWS))[TRAINING_ROWS:]
    right = sum((classifier.probability(subscriber) >= 0.5) == is_bot for subscriber, is_bot in held_out)
    stated = classifier.card["held_out"]
    assert isinstance(stated, dict)
    assert right / HELD_OUT_ROWS == pytest.approx(stated["accuracy"], abs=0.0005)
    assert stated["accuracy"] > 0.9
    assert stated["synthetic"] is True


def test_another_seed_gives_about_the_same_accuracy() -> None:
    classifier = load()
    rows = list(generate(1000, seed=1))
    assert sum((classifier.probability(subscriber) >= 0.5) == is_bot for subscriber, is_bot in rows) > 920


def test_the_fit_is_a_stationary_point_of_a_separable_pair() -> None:
    weights = fit([((1.0, 0.0), False), ((1.0, 1.0), True)])
    assert weights[1] > 0
    assert weights[0] == pytest.approx(-weights[1] / 2)


@given(subscribers)
def test_any_text_has_features_from_0_to_1_and_a_probability(subscriber: Subscriber) -> None:
    values = vector(subscriber)
    assert len(values) == len(FEATURES)
    assert all(0 <= value <= 1 for value in values)
    assert 0 <= load().probability(subscriber) <= 1


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Path]]:
    file = tmp_path_factory.mktemp("bot") / "keys.json"
    file.write_text('{"keys": ["other", "one"]}')
    with running("bot_detector", "--api-key-file", file) as app:
        yield app, file


@pytest.fixture
def api(detector: tuple[App, Path]) -> Iterator[httpx.Client]:
    with detector[0].client("one") as client:
        yield client


def test_a_bot_and_a_human_are_told_apart_and_the_answer_says_by_what(api: httpx.Client) -> None:
    bot = api.post("/predict", json={"email": "xk2j9q@mail.example", "name": "xk2j9q"}).json()
    human = api.post(
        "/predict", json={"email": "ada.lovelace@mail.example", "name": "Ada Lovelace", "ip": "::1"}
    ).json()
    assert (bot["bot"], human["bot"]) == (True, False)
    assert bot["probability"] > 0.9
    assert human["probability"] < 0.1
    assert bot["model"]["trained_on"]["synthetic"] is True
    assert bot["model"]["kind"] == "logistic regression"


@pytest.mark.parametrize("body", [{}, {"email": 3}, {"email": "ada"}, {"email": "@x"}, {"email": "a@b", "name": []}])
def test_what_is_no_subscriber_is_400(api: httpx.Client, body: dict[str, Any]) -> None:
    response = api.post("/predict", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] in ("email", "name")


def test_without_the_key_only_health_answers(detector: tuple[App, Path]) -> None:
    with detector[0].client("wrong") as client:
        assert client.post("/predict", json={"email": "a@b.example"}).status_code == 401
        assert client.get("/health").json() == {"status": "ok"}


def test_a_rotated_key_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"keys": ["old"]}')
    with running("bot_detector", "--api-key-file", file) as app, app.client("new") as client:
        assert client.post("/predict", json={"email": "a@b.example"}).status_code == 401
        file.write_text('{"keys": ["new", "newer"]}')
        assert client.post("/predict", json={"email": "a@b.example"}).status_code == 200
        eventually(lambda: any(event["event"] == "reloaded" for event in app.events))
        assert app.stop() == 0
        assert "new" not in json.dumps(app.events)
