"""Installs several programs: what the next one needs is fetched while Go builds the one before it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nomad_jobs.errors import BerthError, ConfigError
from scripts.ops.progress import Progress
from scripts.ops.toolchain import cache, forecast, gobuild, present, releases, turns
from scripts.ops.toolchain.lanes import Lane
from scripts.ops.toolchain.present import Found
from scripts.ops.toolchain.programs import Program
from scripts.ops.toolchain.ways import UnavailableError, bar


class Installation:
    """One run: `programs` in the order of installing, and for each by name why it was found nowhere."""

    def __init__(self, programs: Sequence[Program], tried: Mapping[str, Mapping[str, str]], progress: Progress) -> None:
        self._programs = programs
        self._tried = {name: dict(reasons) for name, reasons in tried.items()}
        self._progress = progress
        self._fetching = Lane()
        self._building = Lane()
        self._forecast = forecast.here(program.name for program in programs)

    def run(self) -> dict[str, Found | BerthError]:
        """Install every program; one that fails does not keep the others from it.

        Raises:
            KeyboardInterrupt: the user gave up. Go was ended; what is complete stays.

        """
        with ThreadPoolExecutor(len(self._programs)) as pool:
            futures = {one.name: pool.submit(self._obtain, number, one) for number, one in enumerate(self._programs)}
            try:
                return {name: future.result() for name, future in futures.items()}
            except BaseException:
                self._progress.cancel()
                gobuild.end_all()
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
            raise _no_way(program, self._tried[program.name])

    def _build(self, program: Program, folder: Path) -> None:
        with self._progress.step(f"build {program.name}") as step:

            def starts(package: str) -> None:
                self._forecast.starts(program.name, package)
                done = bar("Go build", self._forecast.share(program.name), 1)
                if not step.text.startswith(done):  # the minutes alone would flicker between two numbers
                    step.says(f"{done}, {forecast.told(self._forecast.remaining_s())} left in all")

            with self._noted(program, "Go build"):
                gobuild.build(program, folder, starts)
                _prove_version(program, folder)
                step.says("installed (Go build)")
                return
            raise _no_way(program, self._tried[program.name])

    @contextmanager
    def _noted(self, program: Program, way: str) -> Iterator[None]:
        """Keep why a way did not work, so that the next one is tried."""
        try:
            yield
        except UnavailableError as reason:
            self._tried[program.name][way] = str(reason)


def _prove_version(program: Program, folder: Path) -> None:
    """Run the program before it is published, and compare its version."""
    path = folder / program.command
    path.chmod(0o755)
    if program.version_args and (said := present.asked(path, program.version_args)) != program.version:
        raise UnavailableError(f"it reports version {said or 'nothing'} instead of {program.version}")


def _no_way(program: Program, tried: Mapping[str, str]) -> ConfigError:
    own = f"{program.command} {program.floor} or newer ({program.homepage})"
    go = f"Go {'.'.join(map(str, gobuild.GO_FLOOR))} or newer (https://go.dev/dl)"
    fix = f"install {go + ' or ' + own if program.version_args or program.ships_with else go}"
    return ConfigError(
        program.label, f"no way to get it worked ({present.told(tried)})", f"{fix}; then run `berth tools install`"
    )
