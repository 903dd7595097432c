"""docker-compose.yml as an engine would read it, without an engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from spotify_assets.settings import PROJECT_ROOT

_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^{}]*))?\}")


def rendered(**variables: str) -> dict[str, Any]:
    """The file with variables filled in, and their defaults where they are not given."""
    text = (PROJECT_ROOT / "docker-compose.yml").read_text("utf-8")
    found: dict[str, Any] = _filled(yaml.safe_load(text), variables)
    return found


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: variables.get(match[1]) or match[2] or "", node)
    return node
