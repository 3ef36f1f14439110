"""Reads the catalogue from this repository, and reports every mistake in it at once."""

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from nomad_jobs import services as service_modules
from nomad_jobs.checks import faults, pool_faults
from nomad_jobs.errors import BerthError, ConfigError, ManyErrors, raise_all
from nomad_jobs.images import Pins
from nomad_jobs.model import Service
from nomad_jobs.platform import LOCAL, Driver, Platform
from nomad_jobs.resolve import Resolved, resolve
from scripts.ops import stack_files
from scripts.ops.local.platform import local_platform
from scripts.ops.local.settings import Settings


def load(platform: Platform, images: Pins, only: Sequence[str] = ()) -> Resolved:
    """Import the catalogue, check it for every stack, and resolve it for `platform`; with `only`, just those services.

    Raises:
        ConfigError: (or ManyErrors) what is wrong in any service file, between services, or for a stack.

    """
    broken = list(_import_all())
    services = _services() if not broken else tuple(_services_that_load())
    # A service that did not load is missing to those that use it, which is not worth reporting again.
    found = (one for one in _every_fault(services, platform, images) if not (broken and _is_for_want_of_another(one)))
    raise_all({str(error): error for error in (*broken, *found)}.values())
    resolved = resolve(services, platform.stack, platform.driver)
    return _only(only, resolved, platform) if only else resolved


def load_unchecked(platform: Platform) -> Resolved:
    """Import the catalogue and resolve it without checking it, for verbs that only show; raises as `load` does."""
    raise_all({str(error): error for error in _import_all()}.values())
    return resolve(_services(), platform.stack, platform.driver)


def _every_fault(services: Sequence[Service], platform: Platform, images: Pins) -> Iterator[BerthError]:
    """Yield the faults for the platform, for the stacks that have a file, and for a laptop."""
    stacks = stack_files.names()
    yield from faults(services, platform, images, stacks or (LOCAL,))
    for stack in stacks:
        yield from stack_files.pool_faults(stack, resolve(services, stack, Driver.DOCKER).services)
    if not platform.is_laptop:
        laptop = local_platform(Settings())
        here = resolve(services, laptop.stack, laptop.driver).services
        yield from pool_faults(here, laptop.pools, stack=laptop.stack)


def _is_for_want_of_another(error: BerthError) -> bool:
    return "not in the catalogue" in error.what


def _only(names: Sequence[str], resolved: Resolved, platform: Platform) -> Resolved:
    there = [service.name for service in resolved.services]
    raise_all(_not_there(name, there, resolved, platform) for name in names if name not in there)
    return Resolved(tuple(service for service in resolved.services if service.name in names), {})


def _not_there(name: str, there: Sequence[str], resolved: Resolved, platform: Platform) -> ConfigError:
    fix = f"there is {', '.join(there)}"
    if name in resolved.left_out:
        return ConfigError("--only", f"service '{name}' is not on {platform.title}: {resolved.left_out[name]}", fix)
    return ConfigError("--only", f"no service '{name}'", fix)


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
        return (error if error.where.startswith("service ") else _with_place(error, module),)
    except Exception as error:  # noqa: BLE001 - a user's file may fail in any way; it is named with its line
        return (ConfigError(_line(error, module), f"{type(error).__name__}: {error}"),)
    return ()


def _with_place(error: BerthError, module: str) -> BerthError:
    """Say where in the user's file it is: a secret or a text does not know who names it."""
    return type(error)(f"{_line(error, module)}, {error.where}", error.what, error.fix)


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
