"""What was asked of upstreams, and which of them have to be left alone: looked at, and ended, by people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.upstream_state.quota import TILL

_END = """
with ended as (
    update ops.cooldowns set until = clock_timestamp()
    where upstream = %(upstream)s and until > clock_timestamp()
    returning credential
),
unpaused as (
    update ops.api_pace set paused_until = clock_timestamp()
    where upstream = %(upstream)s and paused_until > clock_timestamp()
)
select count(*) from ended
"""


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """What was asked of one upstream with one credential on one UTC day.

    Attributes:
        upstream: Name of the source.
        credential: What tells apps apart.
        day: UTC day.
        calls: Calls reserved or made, retries included, sign-in excluded.
        pauses: How often it asked for a pause.
        per_second: Limit of calls a second that was last kept to; ``None`` for none.
        per_day: Calls of a day that were last allowed; ``None`` for no limit.
    """

    upstream: str
    credential: str
    day: date
    calls: int
    pauses: int
    per_second: float | None
    per_day: int | None


@dataclass(frozen=True, slots=True)
class Cooldown:
    """The last time an upstream asked to be left alone.

    Attributes:
        upstream: Name of the source.
        credential: What tells apps apart.
        until: When it may be asked again.
        promised: Whether the upstream named that time; otherwise it is our guess.
        reason: What it said or did.
        set_at: When that was.
        seconds_left: Seconds until it is over, by the database's clock; 0 if it is.
    """

    upstream: str
    credential: str
    until: datetime
    promised: bool
    reason: str
    set_at: datetime
    seconds_left: float


def usage_today(warehouse: Warehouse) -> list[ApiUsage]:
    """Return what was asked today (UTC, by the database's clock), also where it is nothing yet."""
    return [
        ApiUsage(*row)
        for row in fetch_all(
            warehouse,
            "select p.upstream, p.credential, today, coalesce(calls, 0), coalesce(pauses, 0), per_second, "
            "per_day from ops.api_pace as p "
            "cross join (select (clock_timestamp() at time zone 'UTC')::date as today) as now_ "
            "left join ops.api_usage as u on u.upstream = p.upstream and u.credential = p.credential "
            "and day = today order by 1, 2",
        )
    ]


def last_cooldowns(warehouse: Warehouse) -> list[Cooldown]:
    """Return the last cooldown of each upstream and credential, those that are over included."""
    return [
        Cooldown(*row)
        for row in fetch_all(
            warehouse,
            f"select upstream, credential, {TILL}, promised, reason, set_at, "  # noqa: S608 - a constant
            "case when set_at < clock_timestamp() + interval '5 minutes' "
            f"then greatest(0, extract(epoch from {TILL} - clock_timestamp())) else 0 end::float8 "
            "from ops.cooldowns order by upstream, credential",
        )
    ]


def end_cooldowns(warehouse: Warehouse, upstream: str) -> int:
    """Let an upstream be asked again at once; returns how many cooldowns were ended."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_END, {"upstream": upstream})
        row = cursor.fetchone()
        connection.commit()
    return int(row[0]) if row else 0


def cooldowns_in_force(warehouse: Warehouse) -> list[Cooldown]:
    """Return the cooldowns that are not over."""
    return [cooldown for cooldown in last_cooldowns(warehouse) if cooldown.seconds_left > 0]
