"""The one partitioning of the platform: UTC days, today's included.

A daily partition normally exists only once its day is over; `end_offset=1` makes today's exist from
midnight on, because today is the only day that a live upstream can be asked about.
"""

from __future__ import annotations

from datetime import date

import dagster as dg

PARTITION_TAG = "dagster/partition"
"""Dagster's tag of the day that a run is for …"""
RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""… and of the days that a run over a range is for."""


def daily_partitions(start: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `start` to today."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_offset=1, timezone="UTC")


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days that a run covers, oldest first; one run may cover a range."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
