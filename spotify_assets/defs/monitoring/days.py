"""The freshness and gap checks: the day that is due was observed, and no day was lost. Both warn.

They run in a job of their own (`daily_checks`), because they must report when nothing was loaded.
Dagster's freshness policies look at the last materialization of any partition: an old day
would turn them green.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import OBSERVED_DAILY
from spotify_assets.defs.ingestion.checks.verdict import Verdict, named, plural, result
from spotify_assets.defs.ingestion.keys import snapshot_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import LakeResource, SettingsResource, WarehouseResource
from spotify_assets.defs.unnamed import unnamed
from spotify_assets.sources.clock import Clock

if TYPE_CHECKING:
    from spotify_assets.quality.lost_days import LostDay, NewestDay

FRESHNESS = "freshness"
GAPS = "gaps"
RECENT = timedelta(days=3)
"""How long a lost day is warned of: it stays lost, and a check that never passes is not read."""

DAILY = {snapshot_key(table): table for table in OBSERVED_DAILY.values()}


def day_check_keys() -> list[dg.AssetCheckKey]:
    """Keys of the checks that a job of their own runs."""
    return [dg.AssetCheckKey(key, name) for key in DAILY for name in (FRESHNESS, GAPS)]


def day_checks() -> dg.AssetChecksDefinition:
    """Freshness and gaps of every table of which each day is observed anew."""
    specs = [
        spec
        for key, table in DAILY.items()
        for spec in (
            dg.AssetCheckSpec(
                FRESHNESS,
                asset=key,
                description=f"Today (UTC) stands in {table.name} for every source that is observed, an hour "
                "after the daily run.",
            ),
            dg.AssetCheckSpec(
                GAPS,
                asset=key,
                description=f"Every day of {table.name} up to yesterday was observed. Warns for three "
                "days of a lost one, and names all of them.",
            ),
        )
    ]

    @dg.multi_asset_check(specs=specs, name="observed_days", can_subset=True)
    def observed_days(
        context: dg.AssetCheckExecutionContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        lake: dg.ResourceParam[LakeResource],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> Iterator[dg.AssetCheckResult]:
        from spotify_assets.artists.watchlist import tracked_anywhere
        from spotify_assets.quality.lost_days import due_day, lost_days, newest_days

        own, now = settings.read(), clock.now()
        sources, hour = own.observed_sources, own.spotify_assets_schedule_hour
        with warehouse.open().holding() as held:
            watched = tracked_anywhere(held, simulated=own.simulated)
            newest = newest_days(held, sources, due_day(now, hour), [artist.added_at for artist in watched])
            lost = lost_days(held, lake.open(), sources, now.date())
        for selected in sorted(context.selected_asset_check_keys):
            table = DAILY[selected.asset_key].name
            if selected.name == FRESHNESS:
                yield judge_freshness(selected.asset_key, [one for one in newest if one.table == table], now)
            else:
                yield judge_gaps(selected.asset_key, [one for one in lost if one.table == table], now)

    return observed_days


def judge_freshness(key: dg.AssetKey, newest: "Sequence[NewestDay]", now: datetime) -> dg.AssetCheckResult:
    """Say which sources have not been observed on the day that is due.

    Args:
        key: The table's asset.
        newest: Up to when each source was observed; nothing if nobody is watched yet.
        now: The moment.
    """
    late = [one for one in newest if one.is_late]
    if late:
        due = late[0].due
        rest = (
            "The day is lost at midnight (UTC) unless it is observed before: run spotify-assets materialize."
            if due == now.date()
            else "That day is over and lost; today can still be observed: run spotify-assets materialize."
        )
        says = (
            f"Not observed on {due}, though the daily run was due: {named([_last(one) for one in late])}. "
            f"{rest} Then see why the daily run did not do it (Runs in the web UI; spotify-assets up must be "
            "running)."
        )
    elif newest:
        says = f"{newest[0].due} is observed: {', '.join(one.source for one in newest)}."
    else:
        says = "Nobody was watched yet on the day that is due: spotify-assets watch add ARTIST."
    return result(
        FRESHNESS,
        key,
        Verdict(
            passed=not late,
            says=says,
            findings=[
                {
                    "source": one.source, "due": one.due.isoformat(),
                    "newest_observed": one.newest.isoformat() if one.newest else None,
                    "days_since": one.days_since,
                }
                for one in late
            ],
        ),
    )  # fmt: skip


def _last(one: "NewestDay") -> str:
    if one.newest is None:
        return f"{one.source} (never observed)"
    return f"{one.source} (last observed on {one.newest}, {plural(one.days_since or 0, 'day')} before)"


def judge_gaps(key: dg.AssetKey, lost: "Sequence[LostDay]", now: datetime) -> dg.AssetCheckResult:
    """Say which days were lost, and warn of those that were lost lately.

    Args:
        key: The table's asset.
        lost: Every lost day.
        now: The moment.
    """
    recent = [one for one in lost if one.day >= now.date() - RECENT]
    older = len(lost) - len(recent)
    table = DAILY[key].name
    if recent:
        says = f"Lost days: {named([f'{one.source} {one.day} ({unnamed(one.reason)})' for one in recent])}. "
        if day := next((one.day for one in recent if one.is_loadable), None):
            says += f"What was landed can still be loaded: spotify-assets materialize --day {day}. "
        says += (
            "Nobody can observe a past day again: the marts have a gap there and fill nothing in. If you "
            "have the data from elsewhere: "
            f"spotify-assets import {table.replace('_', '-')} FILE --source NAME."
        )
        if older:
            says += f" {plural(older, 'day')} more, lost longer ago."
    elif older:
        says = f"No day was lost in the last {RECENT.days} days; of those before, {plural(older, 'day')}."
    else:
        says = "No day was lost."
    return result(
        GAPS,
        key,
        Verdict(
            passed=not recent,
            says=says,
            findings=[
                {"day": one.day.isoformat(), "source": one.source, "reason": unnamed(one.reason)}
                for one in reversed(lost)
            ],
            counts={"lost_days": len(lost), "lost_lately": len(recent)},
        ),
    )


def definitions(_: CodeLocation) -> dg.Definitions:
    """Both checks of every table."""
    return dg.Definitions(asset_checks=[day_checks()])
