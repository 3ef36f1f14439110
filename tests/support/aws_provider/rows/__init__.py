"""The table: every resource type that the program uses."""

from importlib import import_module
from pkgutil import iter_modules

from tests.support.aws_provider.model import Row

ROWS: dict[str, Row] = {
    row.type: row for module in iter_modules(__path__) for row in import_module(f"{__name__}.{module.name}").ROWS
}
"""By type token."""
