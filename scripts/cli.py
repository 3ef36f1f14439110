"""The `berth` command: finds the verb's module, runs it, and turns errors into one red line and an exit code."""

import importlib
import signal
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.exceptions import TyperException

from nomad_jobs.errors import BerthError, Exit, ManyErrors

VERBS = ("up", "down", "doctor", "status", "render", "deploy", "vault", "secrets", "infra", "cost", "tools", "images")


_INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""


class Verbs(TyperGroup):
    """Loads a verb's module only when that verb runs, so that `berth --help` and each verb start fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the verbs in the order a newcomer meets them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import `scripts.<verb>`: a module has one `run`, or an `app` with sub-commands."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"scripts.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(rich_markup_mode=None, add_completion=False)
            app.command(cmd_name)(module.run)
        return typer.main.get_command(app)


app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def berth(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Run a company's GPU serving nodes and app services on its own AWS account, or on this laptop."""
    del debug  # read in main(), where the error is caught


def main() -> None:
    """Run the verb and exit with a code of `Exit`."""
    end_as_by_ctrl_c()
    sys.exit(run(sys.argv[1:]))


def end_as_by_ctrl_c() -> None:
    """Take SIGTERM as Ctrl-C: what a verb has begun is cleared, and no process of its own runs on."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = typer.main.get_command(app).main(argv, prog_name="berth", standalone_mode=False) or Exit.DONE
        return _cancelled(console) if code == _INTERRUPTED else code
    except BerthError as error:
        if "--debug" in argv:
            console.print_exception()
        return _explain(error, console)
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]
        return Exit.CONFIG
    except (typer.Abort, KeyboardInterrupt):
        return _cancelled(console)


def _cancelled(console: Console) -> int:
    console.print("[red]cancelled[/red]: what was done stays; run the same command again to go on")
    return Exit.CANCELLED


def _explain(error: BerthError, console: Console) -> int:
    for one in error.errors if isinstance(error, ManyErrors) else (error,):
        console.print("[red]error[/red]", end=" ")
        console.print(str(one), markup=False)
    return error.code
