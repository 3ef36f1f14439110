"""Shows the progress of long work on stderr: what it waits for and how long; plain lines without a terminal."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class CancelledError(BaseException):
    """The user gave up while this step ran in another thread; nothing but the step's own cleaning up may catch it."""


class Step:
    """One running piece of work; `says` replaces the text that says what it waits for."""

    def __init__(self, progress: "Progress", name: str) -> None:
        self._progress = progress
        self.name = name
        self.text = ""
        self.task: TaskID | None = None

    def says(self, text: str) -> None:
        """Show what the step waits for now.

        Raises:
            CancelledError: the user gave up.

        """
        self._progress.refuse_if_cancelled()
        if text != self.text:
            self.text = text
            self._progress.changed(self)


class Progress:
    """Steps side by side, from any thread: `with progress.step("vault", "unsealing"): …`.

    It writes to stderr unless given a `console`; lines are redrawn in place only on a terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._lock = threading.Lock()
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.fields[step]:<28}"),
            TextColumn("[dim]{task.description}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._running = 0
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let every step of another thread end at its next word."""
        self.is_cancelled = True

    def refuse_if_cancelled(self) -> None:
        """Raise CancelledError if the user gave up."""
        if self.is_cancelled:
            raise CancelledError

    @contextmanager
    def step(self, name: str, waiting_for: str = "") -> Iterator[Step]:
        """Show `name` until the block ends, then leave one line with its duration."""
        self.refuse_if_cancelled()
        step = Step(self, name)
        start = time.monotonic()
        mark = "[red]✗[/red]"
        self._begin(step)
        try:
            step.says(waiting_for)
            yield step
            mark = "[green]✓[/green]"
        finally:
            self._end(step, mark, time.monotonic() - start)

    def note(self, text: str) -> None:
        """Print one line."""
        self.console.print(text)

    def changed(self, step: Step) -> None:
        """Redraw `step`; without a terminal, print the new text as a line of its own."""
        if step.task is not None:
            self._bars.update(step.task, description=step.text)
        elif step.text:
            self.console.print(f"  … {step.name:<28} {step.text}", markup=False)

    def _begin(self, step: Step) -> None:
        with self._lock:
            if self.console.is_terminal:
                if self._running == 0:
                    self._bars.start()
                step.task = self._bars.add_task("", step=step.name)
            self._running += 1

    def _end(self, step: Step, mark: str, seconds: float) -> None:
        with self._lock:
            self._running -= 1
            if step.task is not None:
                self._bars.remove_task(step.task)
                if self._running == 0:
                    self._bars.stop()
            self.console.print(f"{mark} {step.name:<28} [dim]{step.text:<40}[/dim] {seconds:6.1f} s")
