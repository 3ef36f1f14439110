"""Reads the catalogue from this repository, and says every mistake in it at once."""

import importlib
import pkgutil
import traceback
from collections.abc import Sequence
from pathlib import Path

from nomad_jobs import services as service_modules
from nomad_jobs.errors import BerthError, ConfigError, ManyErrors, raise_all
from nomad_jobs.model import Service


def load_services(only: Sequence[str] = ()) -> tuple[Service, ...]:
    """Import the catalogue; with `only`, just those of it.

    Raises:
        ConfigError: (or ManyErrors) a service file is wrong, named with its line; or `only` names none.

    """
    raise_all(error for module in pkgutil.iter_modules(service_modules.__path__) for error in _faults(module.name))
    from nomad_jobs.catalog import SERVICES  # noqa: PLC0415 - importing it is the work of this function

    names = [service.name for service in SERVICES]
    unknown = [
        ConfigError("--only", f"no service '{name}'", f"there is {', '.join(names)}")
        for name in only
        if name not in names
    ]
    raise_all(unknown)
    return tuple(service for service in SERVICES if not only or service.name in only)


def _faults(module: str) -> tuple[BerthError, ...]:
    try:
        importlib.import_module(f"{service_modules.__name__}.{module}")
    except ManyErrors as errors:
        return errors.errors
    except BerthError as error:
        return (error,)
    except Exception as error:  # noqa: BLE001 - a user's file may fail in any way; it is named with its line
        return (ConfigError(_line(error, module), f"{type(error).__name__}: {error}"),)
    return ()


def _line(error: Exception, module: str) -> str:
    """Where in the user's own file it went wrong."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or module).name}:{error.lineno}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "nomad_jobs/services" in one.filename]
    place = frames[-1] if frames else None
    return (
        f"nomad_jobs/services/{Path(place.filename).name}:{place.lineno}"
        if place
        else f"nomad_jobs/services/{module}.py"
    )
