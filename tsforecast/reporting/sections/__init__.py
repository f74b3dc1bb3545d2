"""The sections of a report, one file each, found by themselves.

A file has ``ORDER``, its place on the page, and ``build(report)``, which returns its sections, or none if the run has
nothing to show. To add a section, add a file: nothing else mentions it.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Protocol, cast

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section


class SectionModule(Protocol):
    """A file in this package."""

    ORDER: int

    def build(self, report: Report) -> list[Section]:
        """Return the sections for a run."""


def build_sections(report: Report) -> list[Section]:
    """Return all sections of a report, from top to bottom."""
    modules = sorted(find_modules(), key=lambda module: module.ORDER)
    return [section for module in modules for section in module.build(report)]


def find_modules() -> Iterator[SectionModule]:
    """Yield the modules of this package."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield cast(SectionModule, importlib.import_module(module.name))
