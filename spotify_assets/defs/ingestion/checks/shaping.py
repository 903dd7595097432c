"""How a finding is shown: a sentence, and a table of everything that the sentence has no room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

SHOWN = 100
"""Rows of a table of findings; the sentence says how many there are."""
NAMED = 3
"""Findings that a sentence names; the rest is counted."""

Record = Mapping[str, str | int | float | bool | None]


def named(items: Sequence[str]) -> str:
    """The first few of some findings, and how many more there are."""
    more = f"; and {len(items) - NAMED:,} more" if len(items) > NAMED else ""
    return "; ".join(items[:NAMED]) + more


def plural(count: int, one: str, many: str = "") -> str:
    """A number of things, in words."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def result(
    name: str,
    key: dg.AssetKey,
    *,
    passed: bool,
    says: str,
    findings: Sequence[Record] = (),
    counts: Mapping[str, int] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    """The outcome of a check.

    Args:
        name: The check's name.
        key: The asset that it stands on.
        passed: Whether there is nothing to do.
        says: What a person should know, in sentences.
        findings: What it is about, one record each.
        counts: Numbers to show beside it.
        severity: What it means if it did not pass.
    """
    metadata: dict[str, dg.MetadataValue] = {
        label: dg.MetadataValue.int(count) for label, count in (counts or {}).items()
    }
    if findings:
        metadata["findings"] = dg.MetadataValue.table([dg.TableRecord(one) for one in findings[:SHOWN]])
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=key,
        check_name=name,
        severity=severity,
        metadata=metadata,
        description=says,
    )
