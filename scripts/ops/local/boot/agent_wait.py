"""Waits until an agent is ready, and gives up early on one that keeps ending."""

from collections.abc import Callable

from nomad_jobs.errors import BerthError, DeadlineError
from scripts.ops.local.supervision import Supervisor
from scripts.ops.waiting import wait_until

START_S = 60
_STARTS = 3
"""An agent that supervisord starts more often than this while we wait will not come up by itself."""


class AgentWait:
    """A wait for one agent, the program `name` of supervisord."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self.name = name
        self._pids: set[int] = set()

    def until(self, ready: Callable[[], str | None], what: str) -> None:
        """Ask `ready` until it answers None; while the agent does not answer, check that it still runs.

        Raises:
            BerthError: it keeps ending, or is not ready within START_S seconds; the message has its last log lines.

        """

        def missing() -> str | None:
            try:
                return ready()
            except DeadlineError:
                return "it answers slowly"
            except BerthError as error:
                self._refuse_dead()
                return error.what

        try:
            wait_until(missing, where=self.name, what=what, deadline_s=START_S)
        except DeadlineError as error:
            raise DeadlineError(self.name, f"{error.what}\n{self._tail()}", "`berth doctor` looks") from None

    def _refuse_dead(self) -> None:
        process = self._supervisor.processes().get(self.name)
        if process is None:
            raise BerthError(self.name, "supervisord does not know it", "run `berth up` again")
        self._pids |= {process.pid} - {0}
        if process.state == "FATAL" or len(self._pids) > _STARTS:
            raise BerthError(self.name, f"keeps ending ({process.why})\n{self._tail()}", "see its log, then `berth up`")

    def _tail(self) -> str:
        return self._supervisor.log_tail(self.name)
