"""Why a partition cannot be written, told with the day and what to do."""

from __future__ import annotations

from datetime import date

from spotify_assets.contracts.tables import TABLES
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.imported import rows
from spotify_assets.sources.parsing import anything_observed
from spotify_assets.sources.protocol import Entity


class PartitionError(Exception):
    """A partition cannot be written; the message names the day and what to do."""


class DayLost(PartitionError):
    """The day is over and nothing was landed on it."""


class DayNotYet(PartitionError):
    """The day has not come."""


class LaterDayLanded(PartitionError):
    """A later day of the source was landed, so that this day cannot be today."""


class NothingTracked(PartitionError):
    """There is nobody to observe."""


def lost(source: str, entity: Entity, day: date) -> DayLost:
    """Say that a day is over on which nothing was landed."""
    table = next(table for table in TABLES.values() if table.entity == entity)
    return DayLost(
        f"{day} is lost for {entity} of {source}: nothing was observed while it was {day} (UTC), and the "
        f"upstream only tells how things are now. The table was left as it was. If you have the data of "
        f"that day, import it: spotify-assets import {table.name.replace('_', '-')} FILE --source {source}"
    )


def refuse_later_day(landing: Landing, source: str, day: date) -> None:
    """Make sure that nothing was observed of a source on a later day; what files brought does not count.

    Raises:
        LaterDayLanded: Something was.
    """
    for entity, later in landing.days_after(source, day):
        answers = [one for one in landing.read(source, entity, later) if one.method != rows.METHOD]
        if anything_observed(answers):
            raise LaterDayLanded(
                f"{source} was not observed for {day}: the lake holds {later} of it already, so either this "
                "machine's clock is behind now, or it was ahead when that was landed. Compare it with the "
                f"true time (timedatectl). If {later} has not come yet, move the folders "
                f"{landing.root}/{source}/*/{later} away, then run again"
            )
