"""Measures how long the real Pulumi engine takes for a stack, with a moto server in place of AWS."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.rows import Row
from tests.support.engine import Engine, Outcome
from tests.support.engine_stacks import project
from tests.support.stacks import STACKS

_RUNS = 3
_PROMISES = {"prod": "10 s"}


def measure() -> list[Row]:
    """Preview each stack, make it, and run `up` again: engine, program, policy pack and provider together."""
    return [_empty(), *(row for stack in STACKS for row in _stack(stack))]


def _empty() -> Row:
    """Preview an empty program: the share of the engine and its Python host in every other figure."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program")
        program.mkdir()
        (program / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
        (program / "__main__.py").write_text("import pulumi\n")
        engine = Engine(home=Path(folder, "home"), project=program, url="http://127.0.0.1:9", stack="dev")
        engine.must("stack", "init")
        previews = [_good(engine.run("preview")) for _ in range(_RUNS)]
    return Row(what="preview of an empty program, for comparison", values=_seconds(previews), unit="s")


def _stack(stack: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, project(Path(folder), stack) as engine:
        previews = [_good(engine.run("preview")) for _ in range(_RUNS)]
        up = _good(engine.run("up"))
        again = _good(engine.run("up", "--expect-no-changes"))
        what = f"{stack}: {_counted(previews[0])}"
        promise = _PROMISES.get(stack, "")
        return [
            Row(what=f"preview of {what}", values=_seconds(previews), unit="s", promise=promise),
            Row(what=f"up of {what}; state is written once", values=_seconds([up]), unit="s"),
            Row(what=f"up of {stack} again, nothing to do", values=_seconds([again]), unit="s"),
        ]


def _good(outcome: Outcome) -> Outcome:
    if outcome.code:
        raise RuntimeError(outcome.said)
    return outcome


def _seconds(outcomes: list[Outcome]) -> tuple[float, ...]:
    return tuple(outcome.seconds for outcome in outcomes)


def _counted(outcome: Outcome) -> str:
    """Count the resources of AWS, and name the three most frequent types."""
    made = Counter(step.type.rsplit(":", 1)[-1] for step in outcome.steps if step.type.startswith("aws:"))
    most = ", ".join(f"{count} {kind}" for kind, count in made.most_common(3))
    return f"{made.total()} resources ({most})"


if __name__ == "__main__":
    for one in measure():
        sys.stdout.write(one.line + "\n")
