"""Reads the catalogue from this repository, and reports every mistake in it at once."""

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from nomad_jobs import services as service_modules
from nomad_jobs.checks import faults
from nomad_jobs.errors import BerthError, ConfigError, ManyErrors, raise_all
from nomad_jobs.images import Pins
from nomad_jobs.model import Service
from nomad_jobs.platform import Platform


def load(platform: Platform, images: Pins, only: Sequence[str] = ()) -> tuple[Service, ...]:
    """Import the catalogue and check it for `platform`; with `only`, return just those services.

    Raises:
        ConfigError: (or ManyErrors) what is wrong in any service file, between services, or for this platform.

    """
    broken = list(_import_all())
    services = _services() if not broken else tuple(_services_that_load())
    # A service that did not load is missing to those that use it, which is not worth reporting again.
    found = (one for one in faults(services, platform, images) if not (broken and "not in the catalogue" in one.what))
    raise_all({str(error): error for error in (*broken, *found)}.values())
    names = [service.name for service in services]
    raise_all(
        ConfigError("--only", f"no service '{name}'", f"there is {', '.join(names)}")
        for name in only
        if name not in names
    )
    return tuple(service for service in services if not only or service.name in only)


def load_unchecked() -> tuple[Service, ...]:
    """Import the catalogue without checking it for a platform, for verbs that only show; raises as `load` does."""
    raise_all({str(error): error for error in _import_all()}.values())
    return _services()


def _services() -> tuple[Service, ...]:
    return tuple(importlib.import_module("nomad_jobs.catalog").SERVICES)


def _import_all() -> Iterator[BerthError]:
    for module in pkgutil.iter_modules(service_modules.__path__):
        yield from _faults(module.name)


def _services_that_load() -> Iterator[Service]:
    for module in pkgutil.iter_modules(service_modules.__path__):
        loaded = sys.modules.get(f"{service_modules.__name__}.{module.name}")
        # A module also holds the services that it imports: count each only in its own file.
        own = [value for value in vars(loaded).values() if isinstance(value, Service)] if loaded else []
        yield from (one for one in own if one.name.replace("-", "_") == module.name)


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
    """Give the place of the mistake in the user's own file."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or module).name}:{error.lineno}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "nomad_jobs/services" in one.filename]
    place = frames[-1] if frames else None
    return (
        f"nomad_jobs/services/{Path(place.filename).name}:{place.lineno}"
        if place
        else f"nomad_jobs/services/{module}.py"
    )
