"""Days: which were lost, and whether the day that is due has been observed.

Only tables of which each day is observed anew have such days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from spotify_assets.contracts.tables import DAILY_TABLES, OBSERVED_DAILY, TABLES
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import is_simulated
from spotify_assets.sources.parsing import anything_observed, last_status
from spotify_assets.sources.reasons.reason import NO_LOSS, from_json
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.ledger import LOST

GRACE = timedelta(hours=1)
"""How long after its scheduled hour a day may take to be loaded."""

NOTHING_LANDED = "nothing was landed on it: no run observed it"
NOT_LOADED = "responses were landed on it but never loaded"
NOT_ANSWERED = "it was asked about, but no usable answer came"


@dataclass(frozen=True, slots=True)
class LostDay:
    """A day that is over and was not observed.

    Attributes:
        reason: Why, as far as that is known, in words.
        is_loadable: Whether what was landed on it can still be loaded.
    """

    table: str
    source: str
    day: date
    reason: str
    is_loadable: bool = False


def lost_days(warehouse: Warehouse, landing: Landing, observed: Sequence[str], today: date) -> list[LostDay]:
    """Every lost day, by table, source and day.

    Args:
        warehouse: The database.
        landing: The lake: what was landed but not loaded can still be loaded.
        observed: Sources that are to be observed every day still: their days are counted up to yesterday,
            those of others up to their newest.
        today: The UTC day; it is not over.
    """
    statement = f"""
        with {LOST}
        select n.table_name, n.source, n.day, why.reason, why.things
        from lost as n
        left join lateral (
            select m.reason, count(*) as things from jsonb_each(n.missing) as m (key, reason)
            where m.reason ->> 'code' <> all(%(no_loss)s)
            group by m.reason order by things desc, m.reason limit 1
        ) as why on true
        order by 1, 2, 3
    """  # noqa: S608 - constants
    values = {
        "daily": list(DAILY_TABLES),
        "sources": list(observed),
        "today": today,
        "no_loss": list(NO_LOSS),
    }
    found = []
    landed: dict[tuple[str, str], set[date]] = {}
    for table, source, day, reason, things in fetch_all(warehouse, statement, values):
        why, is_loadable = NOTHING_LANDED, False
        if reason is not None:
            why = f"{from_json(reason).sentence} (so for {things})"
        else:
            if (table, source) not in landed:
                landed[table, source] = set(landing.days(source, TABLES[table].entity))
            if day in landed[table, source]:
                why, is_loadable = _what_landed(landing, table, source, day)
        found.append(LostDay(table, source, day, why, is_loadable))
    return found


def loadable_days(landing: Landing, table: str, source: str, days: Sequence[date]) -> set[date]:
    """Which of some days without observations can still be had.

    Those on which something was landed, and of the simulated upstream every day.

    Args:
        landing: The lake.
        table: Name of the table.
        source: The source.
        days: The days.
    """
    if not days or is_simulated(source):
        return set(days)
    entity = TABLES[table].entity
    landed = set(landing.days(source, entity))
    return {day for day in days if day in landed and anything_observed(landing.read(source, entity, day))}


def _what_landed(landing: Landing, table: str, source: str, day: date) -> tuple[str, bool]:
    """Why a day is not there on which something was landed, and whether more than errors was."""
    exchanges = landing.read(source, TABLES[table].entity, day)
    if anything_observed(exchanges):
        return NOT_LOADED, True
    status = last_status(exchanges)
    return (NOT_ANSWERED if status is None else f"{NOT_ANSWERED} (the last: HTTP {status})"), False


@dataclass(frozen=True, slots=True)
class NewestDay:
    """Up to when one table of one source was observed, beside the day that is due.

    Attributes:
        due: The newest day that has to be there by now.
        newest: The newest day that was observed; None if there is none.
    """

    table: str
    source: str
    due: date
    newest: date | None

    @property
    def is_late(self) -> bool:
        """Whether the day that is due is not there."""
        return self.newest is None or self.newest < self.due

    @property
    def days_since(self) -> int | None:
        """Days from the newest observed day to the one that is due; None if nothing was ever observed."""
        return None if self.newest is None else (self.due - self.newest).days


def due_day(now: datetime, hour: int) -> date:
    """The newest day that has to be loaded by a moment: its scheduled hour and the grace have passed.

    Args:
        now: The moment.
        hour: Hour (UTC) of the daily run.
    """
    return (now.astimezone(UTC) - timedelta(hours=hour) - GRACE).date()


def newest_days(
    warehouse: Warehouse, sources: Sequence[str], due: date, watched_since: Iterable[datetime]
) -> list[NewestDay]:
    """Up to when each table was observed, for sources that are to be observed every day.

    Args:
        warehouse: The database.
        sources: Those sources.
        due: The day that has to be there by now.
        watched_since: Since when each watched artist is watched.

    Returns:
        Nothing if nobody was watched yet on the day that is due: then there was nothing to observe.
    """
    if not any(at.astimezone(UTC).date() <= due for at in watched_since):
        return []
    statement = """
        select t.name, s.name, (
            select max(l.partition_date) from ops.current_partition_loads as l
            where l.table_name = t.name and l.source = s.name and not l.is_empty_handed
        )
        from unnest(%(tables)s) with ordinality as t (name, place)
        cross join unnest(%(sources)s) with ordinality as s (name, place)
        order by t.place, s.place
    """
    values = {"tables": list(OBSERVED_DAILY), "sources": list(sources)}
    return [
        NewestDay(table, source, due, newest)
        for table, source, newest in fetch_all(warehouse, statement, values)
    ]
