"""How a run over several days ends: each day for itself, and the failed ones named together.

One day's failure never hides another day's success, and a day is shown as materialized only if it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from spotify_assets.defs.unnamed import unnamed


class DayOutcomes:
    """Outcomes of the days of one asset in one run."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._done: dict[date, Mapping[str, Any]] = {}
        self._failed: dict[date, str] = {}

    def succeed(self, day: date, metadata: Mapping[str, Any]) -> None:
        """Note that a day is committed, with what to show for it."""
        self._done[day] = metadata

    @contextmanager
    def attempt(self, day: date, *expected: type[Exception]) -> Iterator[None]:
        """Turn an expected error into the day's failure and go on."""
        try:
            yield
        except expected as error:
            self._failed[day] = unnamed(str(error))
            self._context.log.error(self._failed[day])

    @property
    def days(self) -> list[date]:
        """Days that are committed."""
        return sorted(self._done)

    @property
    def failed(self) -> bool:
        """Whether a day has failed."""
        return bool(self._failed)

    def close(self) -> None:
        """Record what was done, or fail.

        Raises:
            dagster.Failure: Some day failed.
        """
        self.record()
        self.fail()

    def record(self) -> None:
        """Attach each day's metadata to its materialization; of a run that will fail, report those itself."""
        key = self._context.asset_key
        for day, metadata in self._done.items():
            if self._failed:
                self._context.log_event(
                    dg.AssetMaterialization(key, partition=day.isoformat(), metadata=dict(metadata))
                )
            else:
                self._context.add_asset_metadata(metadata, key, day.isoformat())

    def fail(self) -> None:
        """Fail if some day did.

        Raises:
            dagster.Failure: It names the days that failed, and what is committed all the same.
        """
        if not self._failed:
            return
        failed = sorted(self._failed)
        kept = f" What else this run was for is committed: {_days(len(self._done))}." if self._done else ""
        raise dg.Failure(
            description=f"{len(failed)} of {_days(len(failed) + len(self._done))} failed. "
            f"{self._failed[failed[0]]}{kept}",
            metadata={
                "failed_days": dg.MetadataValue.table(
                    [dg.TableRecord({"day": day.isoformat(), "reason": self._failed[day]}) for day in failed]
                )
            },
            allow_retries=False,
        )


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def why_failed(data: Any) -> str:
    """What a failed step or run said: its own words, or else the message of the error it began with.

    Args:
        data: Dagster's `StepFailureData` or `JobFailureData`; nothing is said of one without an error.
    """
    own = getattr(data, "user_failure_data", None)
    if own and own.description:
        return str(own.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message).strip() if error is not None else ""
