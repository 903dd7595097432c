"""Which column is which field: found by name, said by the user, or kept in a layout (`layout_files`).

Which names mean which field stands in `column_names`; what a rule does to a value in
`sources.imported.values`, which replays need; reading files in `reader`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spotify_assets.file_imports.column_names import candidates, columns_of, not_used, rule_for, values_of
from spotify_assets.file_imports.layout_files import FILE_NAME
from spotify_assets.file_imports.reader import ImportProblem
from spotify_assets.sources.imported.countries import market_code
from spotify_assets.sources.imported.rows import REQUIRED, importable_fields
from spotify_assets.sources.imported.values import Rule
from spotify_assets.sources.protocol import Entity


def choose_columns(
    entity: Entity,
    columns: Sequence[str],
    wanted: Sequence[str] = (),
    *,
    given: Sequence[str] = (),
    rules: Mapping[str, Rule | bool] | None = None,
    file_name: str = "",
) -> dict[str, Rule]:
    """Decide which column is which field.

    Args:
        entity: What the rows are about.
        columns: Header of the file.
        wanted: ``FIELD=COLUMN`` (``COLUMN=FIELD`` is understood too).
        given: ``FIELD=VALUE``, the same for every row.
        rules: A layout's; what it does not name is found by name.
        file_name: Name of the file, for rules that read it.

    Raises:
        ImportProblem: A wish cannot be met, or a field that every row needs has no column.
    """
    fields = importable_fields(entity)
    rules = rules or {}
    mapping = _wished(fields, columns, wanted, rules) | _given(fields, given)
    left_out = {field for field, rule in rules.items() if rule is False}
    for field, rule in rules.items():
        if field not in mapping and not isinstance(rule, bool):
            found = _fitted(rule, columns, file_name)
            if found is not None:
                mapping[field] = found
    return _complete(entity, _named(entity, columns, mapping, left_out), columns)


def _wished(
    fields: Sequence[str], columns: Sequence[str], wanted: Sequence[str], rules: Mapping[str, Rule | bool]
) -> dict[str, Rule]:
    mapping: dict[str, Rule] = {}
    for wish in wanted:
        left, equals, right = (part.strip() for part in wish.partition("="))
        if equals and left in fields and right in columns:
            mapping[left] = _moved(rules.get(left), left, right)
        elif equals and right in fields and left in columns:
            mapping[right] = _moved(rules.get(right), right, left)
        else:
            raise ImportProblem(
                f"--map {wish} cannot be used. Write FIELD=COLUMN with\n"
                f"  a field of: {', '.join(fields)}\n  a column of: {', '.join(columns)}"
            )
    return mapping


def _given(fields: Sequence[str], given: Sequence[str]) -> dict[str, Rule]:
    mapping: dict[str, Rule] = {}
    for wish in given:
        field, equals, value = (part.strip() for part in wish.partition("="))
        if not equals or field not in fields:
            raise ImportProblem(
                f"--set {wish} cannot be used. Write FIELD=VALUE with a field of: {', '.join(fields)}"
            )
        mapping[field] = {"value": market_code(value) or value if field == "market" else value}
    return mapping


def _named(
    entity: Entity, columns: Sequence[str], mapping: Mapping[str, Rule], left_out: set[str]
) -> dict[str, Rule]:
    """The mapping, with the fields that nobody spoke of found by name; no column is used twice so.

    Raises:
        ImportProblem: Two columns might hold a field.
    """
    mapping = dict(mapping)
    used = {column for rule in mapping.values() for column in columns_of(rule)}
    for field in importable_fields(entity):
        if field in mapping or field in left_out:
            continue
        found = [column for column in candidates(entity, field, columns) if column not in used]
        if len(found) > 1:
            raise ImportProblem(
                f"Two columns may hold {field}: {' and '.join(found[:2])}. "
                f"Say which: --map {field}={found[0]}\n  columns: {', '.join(columns)}"
            )
        if found:
            mapping[field] = rule_for(field, found[0])
            used.update(found)
    return mapping


def _complete(entity: Entity, mapping: dict[str, Rule], columns: Sequence[str]) -> dict[str, Rule]:
    for name in ("observed_at", *REQUIRED[entity]):
        if name not in mapping:
            example = "YYYY-MM-DD" if name == "observed_at" else "VALUE"
            raise ImportProblem(
                f"No column holds {name}. Name it: --map {name}=COLUMN, or give it for all rows: "
                f"--set {name}={example}\n  columns: {', '.join(columns)}"
            )
    values = values_of(entity)
    if not mapping.keys() & set(values):
        raise ImportProblem(
            "No column holds anything that could be loaded: name at least one, --map FIELD=COLUMN, "
            f"with a field of: {', '.join(values)}\n"
            f"  not used: {', '.join(not_used(columns, [mapping])) or 'no column'}"
        )
    return mapping


def _moved(rule: Rule | bool | None, field: str, column: str) -> Rule:
    """A layout's rule for another column, or the one that the field has by itself."""
    if isinstance(rule, Mapping) and "column" in rule:
        return {**rule, "column": column}
    return rule_for(field, column)


def _fitted(rule: Rule, columns: Sequence[str], file_name: str) -> Rule | None:
    """A layout's rule for this very file; None where the file has no such column."""
    if isinstance(rule, str):
        return rule if rule in columns else None
    if rule.get("column") == FILE_NAME:
        found = re.search(rule.get("pattern", ".*"), file_name)
        if found is None:
            return None
        rest = {name: value for name, value in rule.items() if name not in {"column", "pattern"}}
        return {"value": found[1] if found.re.groups else found[0], **rest}
    needed = rule.get("counted_within", [rule["column"]] if "column" in rule else [])
    return rule if set(needed) <= set(columns) else None
