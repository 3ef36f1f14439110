"""Installs several programs: what the next one needs is fetched while Go builds the one before it."""

import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress, Step
from scripts.ops.toolchain import cache, forecast, gobuild, gotool, present, releases, turns
from scripts.ops.toolchain.lanes import Lane
from scripts.ops.toolchain.present import Found
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError, bar

_END_S = 5
"""How long a thread has to clear up after Ctrl-C; one that hangs in the network is left to the end of the process."""


class Installation:
    """One run: `programs` in the order of installing, and for each by name why it was found nowhere."""

    def __init__(self, programs: Sequence[Program], tried: Mapping[str, Mapping[str, str]], progress: Progress) -> None:
        cache.refuse_noexec()
        self._programs = programs
        self._tried = {name: dict(reasons) for name, reasons in tried.items()}
        self._fixes: dict[str, str] = {}
        self._progress = progress
        self._fetching = Lane()
        self._building = Lane()
        self._forecast = forecast.here(program.name for program in programs)

    def run(self) -> dict[str, Found | BerthError]:
        """Install every program; one that fails does not keep the others from it.

        Raises:
            KeyboardInterrupt: the user gave up. Go was ended; what is complete stays.

        """
        futures = {one.name: _begun(self._obtain, number, one) for number, one in enumerate(self._programs)}
        try:
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            self._progress.cancel()
            gotool.end_all()
            concurrent.futures.wait(futures.values(), timeout=_END_S)
            raise

    def _obtain(self, number: int, program: Program) -> Found | BerthError:
        try:
            return self._installed(number, program)
        except BerthError as error:
            return error
        finally:
            self._fetching.leave(number)
            self._building.leave(number)
            self._forecast.ends(program.name)

    def _installed(self, number: int, program: Program) -> Found:
        with cache.writing(program.label), ExitStack() as held:
            # The lock is taken in the lane: two `berth` that wait for each other's would need one that fetches first.
            with self._fetching.turn(number):
                held.enter_context(turns.turn(program.name, self._progress))
                if cache.holds(program):  # the `berth` that we waited for installed it
                    return present.cached(program)
                folder = held.enter_context(cache.staged(program))
                is_complete = self._fetch(program, folder)
            if not is_complete:
                with self._building.turn(number):
                    self._build(program, folder)
        return present.cached(program)

    def _fetch(self, program: Program, folder: Path) -> bool:
        """Fetch the release or, where that does not work, the sources; return whether the program is complete."""
        with self._progress.step(f"fetch {program.name}") as step:
            with self._noted(program, "release"):
                releases.obtain(program, folder, step)
                _prove_version(program, folder)
                step.says("installed (release)")
                return True
            with self._noted(program, "Go build"):
                self._forecast.needs(program.name, gobuild.fetch(program, folder, step))
                return False
            raise self._no_way(program)

    def _build(self, program: Program, folder: Path) -> None:
        with self._progress.step(f"build {program.name}") as step:
            with self._noted(program, "Go build"):
                gobuild.build(program, folder, lambda package: self._compiles(program, package, step))
                _prove_version(program, folder)
                if self._forecast.is_measured(program.name):
                    forecast.remember(self._forecast.factor())
                step.says("installed (Go build)")
                return
            raise self._no_way(program)

    def _compiles(self, program: Program, package: str, step: Step) -> None:
        """Show how far the build is; the minutes alone are shown anew only where a line can be drawn again."""
        self._forecast.starts(program.name, package)
        done = bar(self._forecast.share(program.name), 1)
        if self._progress.console.is_terminal or not step.text.startswith(done):
            step.says(f"{done}, {forecast.told(self._forecast.remaining_s())} left")
        if self._forecast.is_measured(program.name) and self._forecast.is_slow():
            what = "slower than foretold: does something else run here?"
            self._progress.note(f"{what} Go takes {self._forecast.factor():.1f} times as long as measured")

    @contextmanager
    def _noted(self, program: Program, way: str) -> Iterator[None]:
        """Keep why a way did not work, so that the next one is tried."""
        try:
            yield
        except UnavailableError as reason:
            self._tried[program.name][way] = str(reason)
            self._fixes[program.name] = reason.fix

    def _no_way(self, program: Program) -> ConfigError:
        fix = self._fixes[program.name] or _missing(program)
        what = f"no way to get it worked ({present.told(self._tried[program.name])})"
        return ConfigError(program.label, what, f"{fix}; then run the same command again")


def _begun(
    work: Callable[[int, Program], Found | BerthError], number: int, program: Program
) -> Future[Found | BerthError]:
    """Run `work` in a thread that does not keep the process from ending, as an executor's would."""
    future: Future[Found | BerthError] = Future()

    def run() -> None:
        try:
            future.set_result(work(number, program))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _prove_version(program: Program, folder: Path) -> None:
    """Run the program before it is published, and compare its version."""
    path = folder / program.command
    if not path.is_file():
        raise UnavailableError(f"it made no file {program.command}")
    path.chmod(0o755)
    if program.version_args and (said := present.asked(path, program.version_args)) != program.version:
        raise UnavailableError(f"it reports version {said or 'nothing'} instead of {program.version}")


def _missing(program: Program) -> str:
    own = f"{program.command} {program.floor} or newer ({program.homepage})"
    go = f"Go {'.'.join(map(str, gotool.FLOOR))} or newer (https://go.dev/dl)"
    return f"install {go + ' or ' + own if program.version_args or program.ships_with else go}"
