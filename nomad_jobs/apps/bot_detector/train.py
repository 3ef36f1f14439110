"""Trains the classifier and writes its coefficients: `python -m nomad_jobs.apps.bot_detector.train`.

Newton's method on the penalised log-likelihood, in plain Python: ten features and two thousand rows need no
library. The optimum is one point, so everyone who trains gets the same numbers.
"""

import json
from collections.abc import Sequence

from nomad_jobs.apps.bot_detector.classifier import COEFFICIENTS, THRESHOLD, dot, logistic
from nomad_jobs.apps.bot_detector.features import FEATURES, vector
from nomad_jobs.apps.bot_detector.subscribers import SEED, generate

TRAINING_ROWS = 2000
HELD_OUT_ROWS = 1000
_PENALTY = 1.0
_STEPS = 12
_DIGITS = 6

Row = tuple[tuple[float, ...], bool]


def train() -> dict[str, object]:
    """Fit on the first rows, measure on the rest, and return what `coefficients.json` holds."""
    labelled = generate(TRAINING_ROWS + HELD_OUT_ROWS)
    rows: list[Row] = [((1.0, *vector(subscriber)), is_bot) for subscriber, is_bot in labelled]
    fitted = [round(weight, _DIGITS) for weight in fit(rows[:TRAINING_ROWS])]
    return {
        "name": "berth-bot-detector",
        "kind": "logistic regression",
        "trained_on": {"synthetic": True, "rows": TRAINING_ROWS, "seed": SEED},
        "held_out": {"synthetic": True, "rows": HELD_OUT_ROWS, **measure(fitted, rows[TRAINING_ROWS:])},
        "intercept": fitted[0],
        "weights": dict(zip(FEATURES, fitted[1:], strict=True)),
    }


def fit(rows: Sequence[Row]) -> list[float]:
    """Find the weights; the first column of each row is the constant 1 and its weight is not penalised."""
    size = len(rows[0][0])
    penalty = [0.0] + [_PENALTY] * (size - 1)
    weights = [0.0] * size
    for _ in range(_STEPS):
        gradient = [penalty[i] * weights[i] for i in range(size)]
        hessian = [[penalty[i] if i == j else 0.0 for j in range(size)] for i in range(size)]
        for values, label in rows:
            probability = logistic(dot(weights, values))
            slope = probability * (1 - probability)
            for i in range(size):
                gradient[i] += (probability - label) * values[i]
                for j in range(size):
                    hessian[i][j] += slope * values[i] * values[j]
        weights = [weight - step for weight, step in zip(weights, solve(hessian, gradient), strict=True)]
    return weights


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solve a linear system by Gaussian elimination; the matrix is positive definite, so no pivot is zero."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(size):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [value - rows[k][i] * pivot for value, pivot in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def measure(weights: Sequence[float], rows: Sequence[Row]) -> dict[str, float]:
    """Compute accuracy, precision and recall (bots are the positives) on `rows`."""
    calls = [(logistic(dot(weights, values)) >= THRESHOLD, label) for values, label in rows]
    hits = calls.count((True, True))
    return {
        "accuracy": round(sum(call == label for call, label in calls) / len(calls), 3),
        "precision": round(hits / sum(call for call, _ in calls), 3),
        "recall": round(hits / sum(label for _, label in calls), 3),
    }


if __name__ == "__main__":
    COEFFICIENTS.write_text(json.dumps(train(), indent=2) + "\n")
    print(COEFFICIENTS)
