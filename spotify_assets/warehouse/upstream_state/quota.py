"""Leave to call that all processes share: one pace, one daily budget, one cooldown for each credential.

All times are the database's, so that clocks of different machines do not matter. Each change is one short
round trip: the pace row is locked first, and what follows in the same round trip sees what others have
committed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.sources.http.quota import (
    CATCH_UP_SECONDS,
    LONGEST_COOLDOWN_SECONDS,
    USED_SHARE,
    believed,
    budget_spent,
    cooldown_required,
)
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.translate_errors import brief_lock, in_words

RESERVED_SECONDS = 0.25
"""How much of the pace one process reserves at once, but one call at least."""

MOST_OF_A_BUDGET = 10
"""Most calls reserved at once where there is a budget but no pace: others may want its last calls too."""

_LONGEST_PAUSE = 3600.0
"""Seconds; what lies further ahead was written by a clock that has been set back since, and is not obeyed."""

_KEY = "upstream = %(upstream)s and credential = %(credential)s"
_LOCK = f"select 1 from ops.api_pace where {_KEY} for update;"  # noqa: S608 - a constant
_PREPARE = """
set synchronous_commit = off;
insert into ops.api_pace (upstream, credential) values (%(upstream)s, %(credential)s) on conflict do nothing;
"""
TILL = f"least(until, set_at + make_interval(secs => {LONGEST_COOLDOWN_SECONDS}))"
"""When a cooldown is over, also one that an older version kept for longer."""
_COOLED = f"""
now_ as materialized (select clock_timestamp() as t),
cooled as (
    select till as until, promised, reason, extract(epoch from till - t)::float8 as seconds_left
    from ops.cooldowns cross join now_
    cross join lateral (select {TILL} as till) as heeded
    where {_KEY} and till > t and set_at < t + interval '5 minutes'  -- later: by a clock that was set back
)
"""  # noqa: S608 - constants
_TAKE = f"""
{_LOCK}
with {_COOLED},
used as (
    select coalesce(
        (select calls from ops.api_usage, now_ where {_KEY} and day = (t at time zone 'UTC')::date), 0
    ) as calls
),
granted as (
    select case
        when exists (select from cooled) then 0
        else greatest(0, least(%(most)s::bigint, %(per_day)s::bigint - calls))
    end as calls
    from used
),
start as (
    select greatest(
        least(next_free, t + make_interval(secs => %(furthest)s)),
        least(paused_until, t + make_interval(secs => {_LONGEST_PAUSE})),
        t - make_interval(secs => {CATCH_UP_SECONDS})
    ) as first
    from ops.api_pace, now_ where {_KEY}
),
advanced as (
    update ops.api_pace set
        next_free = first + make_interval(secs => %(gap)s * granted.calls),
        per_second = %(per_second)s,
        per_day = %(per_day)s
    from start, granted where {_KEY}
),
counted as (
    insert into ops.api_usage as u (upstream, credential, day, calls)
    select %(upstream)s, %(credential)s, (t at time zone 'UTC')::date, granted.calls
    from granted, start, now_ where granted.calls > 0
    on conflict (upstream, credential, day) do update set calls = u.calls + excluded.calls
)
select granted.calls, extract(epoch from first - t)::float8, t, until, promised, reason, seconds_left
from granted cross join start cross join now_ left join cooled on true
"""  # noqa: S608 - constants
_CHECK = f"""
with {_COOLED}
select
    extract(
        epoch from greatest(t, least(paused_until, t + make_interval(secs => {_LONGEST_PAUSE}))) - t
    )::float8,
    until, promised, reason, seconds_left
from now_ left join ops.api_pace on {_KEY} left join cooled on true
"""  # noqa: S608 - constants
_GIVE_BACK = f"""
update ops.api_usage set calls = greatest(0, calls - %(calls)s)
where {_KEY} and day = %(day)s
"""  # noqa: S608 - constants
_PAUSE = f"""
{_LOCK}
update ops.api_pace set paused_until = greatest(
    least(paused_until, clock_timestamp() + make_interval(secs => {_LONGEST_PAUSE})),
    clock_timestamp() + make_interval(secs => %(seconds)s)
) where {_KEY};
insert into ops.api_usage as u (upstream, credential, day, pauses)
values (%(upstream)s, %(credential)s, (clock_timestamp() at time zone 'UTC')::date, 1)
on conflict (upstream, credential, day) do update set pauses = u.pauses + 1
"""  # noqa: S608 - constants
_COOL_DOWN = f"""
set local synchronous_commit = on;
insert into ops.cooldowns as c (upstream, credential, until, promised, reason, set_at)
select %(upstream)s, %(credential)s,
    coalesce(
        t + make_interval(secs => %(seconds)s),
        greatest(
            (date_trunc('day', t at time zone 'UTC') + interval '1 day') at time zone 'UTC',
            t + interval '1 hour'
        )
    ),
    %(seconds)s is not null, %(reason)s, t
from clock_timestamp() as t
on conflict (upstream, credential) do update set
    until = excluded.until, promised = excluded.promised, reason = excluded.reason, set_at = excluded.set_at
where least(c.until, c.set_at + make_interval(secs => {LONGEST_COOLDOWN_SECONDS})) < excluded.until
    or c.set_at > excluded.set_at
"""  # noqa: S608 - a constant


class SharedQuota:
    """Leave to call one upstream with one credential, shared by all processes that use the database."""

    def __init__(self, warehouse: Warehouse, upstream: str, credential: str) -> None:
        """Know where the books are; nothing is opened before the first question.

        Args:
            warehouse: The database.
            upstream: Name of the source.
            credential: What tells apps apart without being a secret.
        """
        self._warehouse = warehouse
        self._name = upstream
        self._key = {"upstream": upstream, "credential": credential}
        self._per_second: float | None = None
        self._per_day: int | None = None
        self._open: tuple[ExitStack, PgConnection] | None = None
        self._reserved_on: date | None = None

    def limit(self, per_second: float | None, per_day: int | None) -> None:
        """Set the pace and the calls of a UTC day; ``None`` for no limit."""
        self._per_second, self._per_day = per_second, per_day

    def take(self, most: int) -> list[float]:
        """Reserve up to `most` calls: with a pace no more than it allows in `RESERVED_SECONDS`.

        Returns:
            For each call granted, the seconds from now after which it may leave, ascending.

        Raises:
            CooldownRequired: The upstream has to be left alone.
            BudgetSpent: The day's calls are used up.
            WarehouseError: The books cannot be opened or another process holds them, so nothing may leave.
        """
        gap = 0.0
        if self._per_second is not None:
            gap = 1.0 / (self._per_second * USED_SHARE)
            most = min(most, max(1, int(RESERVED_SECONDS / gap)))
        elif self._per_day is not None:
            most = min(most, MOST_OF_A_BUDGET)
        row = self._row(
            _TAKE,
            most=most,
            gap=gap,
            furthest=60.0 + 60.0 * gap,
            per_second=self._per_second,
            per_day=self._per_day,
        )
        granted, first, now, until, promised, reason, seconds_left = row
        if until is not None:
            raise cooldown_required(self._name, reason, until, seconds_left if promised else None)
        if granted == 0:
            assert self._per_day is not None  # noqa: S101 - what else could leave nothing
            raise budget_spent(self._name, self._per_day, now)
        self._reserved_on = now.astimezone(UTC).date()
        return [first + gap * number for number in range(granted)]

    def check(self) -> float:
        """Return the seconds that a pause still lasts, 0 if there is none.

        Raises:
            CooldownRequired: The upstream has to be left alone.
            WarehouseError: The books cannot be opened.
        """
        paused, until, promised, reason, seconds_left = self._row(_CHECK)
        if until is not None:
            raise cooldown_required(self._name, reason, until, seconds_left if promised else None)
        return float(paused)

    def give_back(self, calls: int) -> None:
        """Return calls of the last `take` that did not leave, to the day that they were taken on.

        Their time is lost. Where the database is gone, they count as used: that harms nobody and hides no
        other error.
        """
        if self._open is None or self._reserved_on is None:
            return
        values = {**self._key, "calls": calls, "day": self._reserved_on}
        try:
            _execute(self._open[1], _GIVE_BACK, values)
        except psycopg2.Error:
            self.close()

    def pause(self, seconds: float) -> None:
        """Let nothing leave, in any process, for `seconds`.

        Raises:
            WarehouseError: The books cannot be opened or another process holds them.
        """
        self._run(_PAUSE, seconds=seconds)

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone; a cooldown that lasts longer stays.

        Raises:
            WarehouseError: The books cannot be opened or another process holds them.
        """
        seconds, reason = believed(seconds, reason)
        self._run(_COOL_DOWN, seconds=seconds, reason=reason.replace("\x00", ""))

    def close(self) -> None:
        """Give up the connection; the next question opens another."""
        opened, self._open = self._open, None
        if opened is not None:
            opened[0].close()

    def _row(self, statements: str, **values: object) -> tuple[Any, ...]:
        row = self._run(statements, **values)
        if row is None:  # somebody emptied the books
            self.close()
            row = self._run(statements, **values)
        assert row is not None  # noqa: S101 - opening has made the row
        return row

    def _run(self, statements: str, **values: object) -> tuple[Any, ...] | None:
        """Run statements as one transaction; once more over a new connection if the old one is broken.

        A lock that others hold is waited for once and briefly: everything else in this process waits too.
        """
        parameters = {**self._key, **values}
        with in_words(self._warehouse, f"the count of calls to {self._name}"):
            try:
                return _execute(self._connection(), statements, parameters)
            except psycopg2.errors.LockNotAvailable:
                raise
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.close()
                return _execute(self._connection(), statements, parameters)

    def _connection(self) -> PgConnection:
        if self._open is None:
            with ExitStack() as stack:
                lock_seconds = brief_lock(self._warehouse)
                connection = stack.enter_context(self._warehouse.connect(lock_seconds=lock_seconds))
                connection.autocommit = True
                _execute(connection, _PREPARE, self._key)
                self._open = (stack.pop_all(), connection)
        return self._open[1]


def _execute(
    connection: PgConnection, statements: str, parameters: Mapping[str, object]
) -> tuple[Any, ...] | None:
    """Send statements in one message, which makes them one transaction; returns the last one's first row."""
    with connection.cursor() as cursor:
        cursor.execute(statements, parameters)
        return cursor.fetchone() if cursor.description is not None else None
