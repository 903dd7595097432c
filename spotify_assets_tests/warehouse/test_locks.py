"""One process at a time reads the lake for a partition and loads it."""

from dataclasses import replace
from datetime import date

import pytest

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import PartitionBusy
from spotify_assets.warehouse.locks import loading

DAY = date(2026, 11, 20)


def test_a_second_load_of_the_same_partition_says_that_it_is_busy(warehouse: Warehouse) -> None:
    impatient = replace(warehouse, lock_seconds=0.2)
    with loading(warehouse, "artist_snapshots", "spotify", DAY):
        with (
            pytest.raises(PartitionBusy, match="artist_snapshots of spotify for 2026-11-20"),
            loading(impatient, "artist_snapshots", "spotify", DAY),
        ):
            pytest.fail("both loaded at once")
        with loading(impatient, "artist_snapshots", "simulated", DAY):
            pass
    with loading(impatient, "artist_snapshots", "spotify", DAY):
        pass


def test_held_connections_are_lent_again_and_replaced_when_the_server_ended_them(
    warehouse: Warehouse,
) -> None:
    with warehouse.holding() as held:
        with held.connect() as first:
            number = first.info.backend_pid
        with held.connect() as second:
            assert second.info.backend_pid == number
        with warehouse.connect() as other, other.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(%s)", (number,))
        with held.connect() as third, third.cursor() as cursor:
            cursor.execute("select 1")
            assert third.info.backend_pid != number
    assert third.closed
