"""The trained classifier: its coefficients from JSON, and the dot product that uses them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nomad_jobs.apps.bot_detector.features import FEATURES, vector
from nomad_jobs.apps.bot_detector.subscribers import Subscriber

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Classifier:
    """A logistic regression; `weights` are in the order of `FEATURES`, and `card` says how it was trained."""

    intercept: float
    weights: tuple[float, ...]
    card: Mapping[str, object]

    def probability(self, subscriber: Subscriber) -> float:
        """Estimate how likely it is, from 0 to 1, that the subscriber is a bot."""
        return logistic(self.intercept + dot(self.weights, vector(subscriber)))


def load(path: Path = COEFFICIENTS) -> Classifier:
    """Read the committed coefficients."""
    data = json.loads(path.read_text())
    weights = tuple(data["weights"][name] for name in FEATURES)
    card = {name: data[name] for name in ("name", "kind", "trained_on", "held_out")}
    return Classifier(data["intercept"], weights, card)


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """Sum the products of the pairs."""
    return sum(a * b for a, b in zip(left, right, strict=True))


def logistic(value: float) -> float:
    """Map a real number to 0..1, without overflow at either end."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))
