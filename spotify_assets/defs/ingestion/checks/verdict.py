"""What a check says of one day: a sentence, and a table of everything that the sentence has no room for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeVar

import dagster as dg

SHOWN = 100
"""Rows of a table of findings; the sentence says how many there are."""
NAMED = 3
"""Findings that a sentence names; the rest is counted."""

Record = Mapping[str, str | int | float | bool | None]


class _OfADay(Protocol):
    @property
    def day(self) -> date: ...


_T = TypeVar("_T", bound=_OfADay)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found out about one day of one table.

    Attributes:
        passed: Whether there is nothing to do.
        says: What a person should know, in sentences.
        findings: What it is about, one record each.
        counts: Numbers to show beside it.
        label: What the table of findings is called.
        queries: What shows the rows that it is about, by name.
    """

    passed: bool
    says: str = ""
    findings: Sequence[Record] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    label: str = "findings"
    queries: Mapping[str, dg.MarkdownMetadataValue] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """Counts and findings, as Dagster shows them."""
        metadata: dict[str, Any] = {
            label: dg.MetadataValue.int(count) for label, count in self.counts.items()
        }
        if self.findings:
            records = [dg.TableRecord(one) for one in self.findings[:SHOWN]]
            metadata[self.label] = dg.MetadataValue.table(records)
        return {**metadata, **self.queries}


def result(
    name: str,
    key: dg.AssetKey,
    verdict: Verdict,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    """The verdict of a check that is about no day in particular."""
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=key,
        check_name=name,
        severity=severity,
        metadata=verdict.metadata(),
        description=verdict.says or None,
    )


def by_day(
    found: Iterable[_T], days: Iterable[date], judge: Callable[[list[_T]], Verdict]
) -> dict[date, Verdict]:
    """Judge each day by what was found of it, which may be nothing."""
    of_day: dict[date, list[_T]] = defaultdict(list)
    for one in found:
        of_day[one.day].append(one)
    return {day: judge(of_day[day]) for day in days}


def named(items: Sequence[str]) -> str:
    """The first few of some findings, and how many more there are."""
    more = f"; and {len(items) - NAMED:,} more" if len(items) > NAMED else ""
    return "; ".join(items[:NAMED]) + more


def plural(count: int, one: str, many: str = "") -> str:
    """A number of things, in words."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
