"""The sensors that tell people: failed runs and checks at once but never in floods, and once a day the news.

What a message says and how it is delivered stands in the room `alerts`.

Each channel has a memory of its own, which moves only after it has taken a message: what one could not
deliver is told with its next message, and the others are not told twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.daily.runs import UNDER_WAY
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.monitoring.channel_memory import ChannelMemory
from spotify_assets.defs.monitoring.failures import Failures
from spotify_assets.defs.partitions import PARTITION_TAG
from spotify_assets.defs.resources import SettingsResource, WarehouseResource
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock

if TYPE_CHECKING:
    from spotify_assets.alerts.channels import Channel
    from spotify_assets.alerts.message import Message

PROBLEMS = "alert_on_failure"
NEWS = "daily_digest"
SECONDS = 60
NEWS_DAYS = 3
"""News of so many days are told, if they were not before: a day may be completed late."""
TOLD_AT_MOST = 3_000
"""News that are remembered as told, more than `NEWS_DAYS` days bring."""


def _memories(cursor: str | None) -> dict[str, ChannelMemory]:
    return {name: ChannelMemory(**known) for name, known in json.loads(cursor or "{}").items()}


def _tell_all(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    now: datetime,
    tell: Callable[[ChannelMemory], tuple[Message | None, str]],
    told: Callable[[ChannelMemory], None],
) -> dg.SensorResult:
    """Let each channel take what it has not been told.

    Args:
        context: Of the sensor.
        settings: Which channels there are, and how long to wait between two messages to one.
        now: The time.
        tell: Gives what a channel is to be told, by its memory; or why nothing.
        told: Notes in the memory that all of it is settled.
    """
    from spotify_assets.alerts.channels import NONE_SET, NotDelivered, open_channels

    channels: Sequence[Channel] = open_channels(settings)
    if not channels:
        return dg.SensorResult(skip_reason=NONE_SET)
    window, at = settings.alert_window_minutes * 60.0, now.timestamp()
    memories = _memories(context.cursor)
    said = []
    for channel in channels:
        memory = memories.setdefault(channel.name, ChannelMemory())
        if not memory.may_try(at, window):
            said.append(
                f"{channel.name}: next message later, so that there is one in {window / 60:.0f} minutes"
            )
            continue
        message, reason = tell(memory)
        if message is None:
            said.append(f"{channel.name}: {reason}")
            continue
        try:
            channel.send(message)
        except NotDelivered as problem:
            memory.failures, memory.tried = memory.failures + 1, at
            context.log.error(f"{channel.name}: {problem}")
            said.append(f"{channel.name}: not delivered, told with the next message: {problem}")
            continue
        memory.failures, memory.sent = 0, at
        told(memory)
        said.append(f"{channel.name}: told: {message.title}")
    # No entry of a channel that is gone: configured again, it begins anew.
    kept = {channel.name: asdict(memories[channel.name]) for channel in channels}
    return dg.SensorResult(skip_reason=". ".join(said), cursor=json.dumps(kept))


def problems_sensor() -> dg.SensorDefinition:
    """Tell each channel of failed runs and failed checks, gathered, at most one message in a window."""

    @dg.sensor(
        name=PROBLEMS,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failed runs and checks by Slack, e-mail or webhook, at most one message "
        "in ALERT_WINDOW_MINUTES.",
    )
    def alert_on_failure(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> dg.SensorResult:
        own, now = settings.read(), clock.now()
        seen: dict[str, Any] = {}

        def tell(memory: ChannelMemory) -> tuple[Message | None, str]:
            from spotify_assets.alerts import problems as words

            found = Failures(context.instance, warehouse, own, now, memory)
            seen["found"] = found
            if found.waits_for_a_run(own.alert_window_minutes * 60.0):
                return None, "A run is under way that something has failed in: told when it is over"
            message = words.tell(found.problems, now.astimezone(UTC).date(), simulated=own.simulated)
            if message is None:
                found.settle(memory)
            return message, "Nothing failed"

        def told(memory: ChannelMemory) -> None:
            seen["found"].settle(memory)

        return _tell_all(context, own, now, tell, told)

    return alert_on_failure


def news_sensor() -> dg.SensorDefinition:
    """Tell each channel once a day of milestones, breakouts, and new releases of watched artists."""

    @dg.sensor(
        name=NEWS,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people once a day, after its marts are built, of milestones, breakouts and new "
        "releases of watched artists.",
    )
    def daily_digest(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> dg.SensorResult:
        from spotify_assets.alerts import news as words
        from spotify_assets.serving.news import Item, newest_day, news_since

        own, now = settings.read(), clock.now()
        today, sources = now.astimezone(UTC).date(), own.observed_sources
        built: list[date | None] = []
        fresh: list[Item] = []

        def tell(memory: ChannelMemory) -> tuple[Message | None, str]:
            if memory.day == today.isoformat():
                return None, f"The news of {today} are told"
            if not built:
                built.append(newest_day(warehouse.open(), sources))
            if built[0] != today:
                return None, f"The marts of {today} are not built yet"
            of_today = dg.RunsFilter(tags={PARTITION_TAG: today.isoformat()}, statuses=UNDER_WAY)
            if context.instance.get_runs(of_today, limit=1):
                return None, "A run of today is under way: told after it"
            since = today - timedelta(days=NEWS_DAYS - 1)
            known = set(memory.news)
            fresh[:] = [one for one in news_since(warehouse.open(), sources, since) if one.key not in known]
            message = words.digest(fresh, today, simulated=own.simulated, quiet_days=own.alert_quiet_days)
            if message is None:
                memory.day = today.isoformat()
            return message, f"There is no news on {today}"

        def told(memory: ChannelMemory) -> None:
            memory.day = today.isoformat()
            memory.news = [*memory.news, *(one.key for one in fresh)][-TOLD_AT_MOST:]

        return _tell_all(context, own, now, tell, told)

    return daily_digest


def definitions(_: CodeLocation) -> dg.Definitions:
    """Both sensors."""
    return dg.Definitions(sensors=[problems_sensor(), news_sensor()])
