"""Series side by side, one row each and one column a day, and what is known of them on each day.

Whatever is said of a day is computed from that day and those before it only, so that the same arrays serve
the forecast of today and the backtest of every earlier day.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["index", "level"]
RANGES: dict[str, tuple[float, float]] = {"index": (0.0, 100.0), "level": (0.0, np.inf)}
"""Between what a value of each kind lies; a forecast and its interval are clipped to it."""


@dataclass(frozen=True)
class Block:
    """Series of one kind over the same days.

    Attributes:
        kind: What the values are: an index from 0 to 100, or a level without upper end.
        first_day: The day of the first column.
        values: A row a series, a column a day; not a number where nothing counts on that day.
        age: Days since release on the first day, one per series; not a number where that is unknown, and for
            what has no release.
    """

    kind: Kind
    first_day: datetime.date
    values: Array
    age: Array

    @classmethod
    def of(
        cls,
        kind: Kind,
        series: NDArray[np.int64],
        days: NDArray[np.datetime64],
        values: Array,
        *,
        last_day: datetime.date,
        released_on: Sequence[datetime.date | None] | None = None,
        count: int | None = None,
    ) -> Block:
        """Put observations in their places.

        Args:
            kind: What the values are.
            series: Number of each observation's series, from 0.
            days: Day of each observation; the last one of a series and day counts.
            values: Value of each observation; not a number where none counts.
            last_day: The day of the last column; later observations are left out.
            released_on: Day of release by number of the series.
            count: How many series there are; by default as many as are numbered.
        """
        end = np.datetime64(last_day, "D")
        kept = days <= end
        series, days, values = series[kept], days[kept].astype("datetime64[D]"), values[kept]
        count = count if count is not None else (int(series.max()) + 1 if len(series) else 0)
        first = days.min() if len(days) else end
        placed = np.full((count, int((end - first).astype(int)) + 1), np.nan)
        placed[series, (days - first).astype(int)] = values
        age = np.full(count, np.nan)
        for number, released in enumerate(released_on or ()):
            if released is not None:
                age[number] = float((first - np.datetime64(released, "D")).astype(int))
        return cls(kind, first.astype(datetime.date), placed, age)

    def until(self, columns: int) -> Block:
        """The same series as they were known after so many days."""
        return Block(self.kind, self.first_day, self.values[:, :columns], self.age)

    @property
    def days(self) -> int:
        """How many days there are."""
        return int(self.values.shape[1])

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Where a value counts."""
        return ~np.isnan(self.values)

    @cached_property
    def observations(self) -> NDArray[np.int64]:
        """How many values counted up to each day."""
        found: NDArray[np.int64] = np.cumsum(self.counted, axis=1)
        return found

    @cached_property
    def last(self) -> Array:
        """The last value that counted up to each day; not a number before the first."""
        place = np.where(self.counted, np.arange(self.days)[None, :], 0)
        np.maximum.accumulate(place, axis=1, out=place)
        return np.take_along_axis(self.values, place, axis=1)

    @cached_property
    def days_since_last(self) -> NDArray[np.int64]:
        """Days since that value, on each day; more than there are days before the first."""
        steps = np.arange(self.days)[None, :]
        place = np.where(self.counted, steps, -self.days - 1)
        np.maximum.accumulate(place, axis=1, out=place)
        since: NDArray[np.int64] = steps - place
        return since

    @cached_property
    def ages(self) -> Array:
        """Days since release on each day; not a number where unknown or not yet released."""
        ages = self.age[:, None] + np.arange(self.days)[None, :]
        return np.where(ages >= 0, ages, np.nan)

    def mean(self, days: int, least: int = 1) -> Array:
        """Mean of what counted in the last `days` days, not a number under `least` of them."""
        count = _windowed(self.counted.astype(float), days)
        centre, centred = self._centred
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = _windowed(centred, days) / count + centre
        return np.where(count >= least, mean, np.nan)

    def slope(self, days: int, least: int = 3) -> Array:
        """Change a day by least squares over what counted in the last `days` days; 0 under `least` values."""
        _, value = self._centred
        there = self.counted.astype(float)
        step = np.arange(self.days, dtype=float)[None, :] - self.days / 2
        count = _windowed(there, days)
        sum_step, sum_value = _windowed(there * step, days), _windowed(value, days)
        sum_square, sum_product = _windowed(there * step * step, days), _windowed(value * step, days)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = (sum_product - sum_step * sum_value / count) / (sum_square - sum_step * sum_step / count)
        return np.where(count >= max(least, 2), slope, 0.0)

    @cached_property
    def _centred(self) -> tuple[Array, Array]:
        """A first value of each series, and the values less it, 0 where none counts.

        Sums over a window are differences of running sums, which lose digits if all values are large.
        """
        first = np.take_along_axis(self.values, self.counted.argmax(axis=1)[:, None], axis=1)
        centre = np.nan_to_num(first)
        return centre, np.where(self.counted, self.values - centre, 0.0)


def _windowed(values: Array, days: int) -> Array:
    """Sum over the last `days` columns, at each column."""
    sums = np.cumsum(values, axis=1)
    earlier = np.zeros_like(sums)
    earlier[:, days:] = sums[:, :-days]
    return sums - earlier
