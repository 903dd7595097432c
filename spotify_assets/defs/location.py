"""The code location: whatever lies in this folder is loaded, nothing else has to be edited.

A module that needs settings, partitions or resources has a function `definitions`, which gets the location.
Of any other, what stands in it is taken (`@dg.asset`, `@dg.job` …). Names that begin with `_` are left out.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import dagster as dg

from spotify_assets import defs
from spotify_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """What definitions are made with.

    Attributes:
        settings: Settings as they are while definitions are made.
        partitions: The days.
        tags: What every asset is tagged with.
        resources: All resources by name.
    """

    settings: Settings
    partitions: dg.DailyPartitionsDefinition
    tags: Mapping[str, str]
    resources: Mapping[str, Any]


def load_all(location: CodeLocation) -> dg.Definitions:
    """Everything that the modules of this folder define."""
    return dg.Definitions.merge(*(_definitions_of(module, location) for module in _modules()))


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(defs.__path__, f"{defs.__name__}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield import_module(found.name)


def _definitions_of(module: ModuleType, location: CodeLocation) -> dg.Definitions:
    define = getattr(module, "definitions", None)
    if define is None:
        return dg.load_definitions_from_module(module)
    made: dg.Definitions = define(location)
    return made
