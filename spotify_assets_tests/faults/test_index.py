"""docs/faults.md names the test of each fault; here is seen that they exist."""

from __future__ import annotations

import ast
import re

from spotify_assets.settings import PROJECT_ROOT

TESTS = PROJECT_ROOT / "spotify_assets_tests"


def test_every_fault_that_the_index_names_has_its_test() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (PROJECT_ROOT / "docs" / "faults.md").read_text())
    assert named
    functions = {
        file: {
            node.name
            for node in ast.parse((TESTS / file).read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        for file, _ in named
    }
    assert [f"{file}::{name}" for file, name in named if name not in functions[file]] == []
