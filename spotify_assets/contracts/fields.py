"""What columns of every loaded table have in common: types, forms, limits, and the rules of any snapshot.

Types are Arrow's, so that a column goes from response to COPY without a change of mind about null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, cast

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.typing.pandas import Series
from pyarrow import compute

Text = Annotated[pd.ArrowDtype, pyarrow.string()]
Integer = Annotated[pd.ArrowDtype, pyarrow.int64()]
Number = Annotated[pd.ArrowDtype, pyarrow.float64()]
Boolean = Annotated[pd.ArrowDtype, pyarrow.bool_()]
Day = Annotated[pd.ArrowDtype, pyarrow.date32()]
Instant = Annotated[pd.ArrowDtype, pyarrow.timestamp("us", tz="UTC")]
TextList = Annotated[pd.ArrowDtype, pyarrow.list_(pyarrow.string())]
_TEXT = pd.ArrowDtype(pyarrow.string())
_LIST = pd.ArrowDtype(pyarrow.list_(pyarrow.string()))

IDENTIFIER = r"[!-~]{1,300}$"
"""Printable ASCII without spaces: ids of every known upstream, and nothing that could surprise."""
TEXT_LIMIT = 1_000
"""Longest name, title, label or URL that is believed (characters)."""
LIST_LIMIT = 500
"""Most genres, artists … of one row that are believed."""
LIST_TEXT_BYTES = 2_000
"""Longest text of a list (bytes in UTF-8): an entry of a PostgreSQL index holds at most 2,700."""
COUNT_LIMIT = 2**53
"""Counts above this cannot be told from their neighbours in JSON numbers."""
INTEGER_LIMIT = 2**31 - 1
"""Largest value of a PostgreSQL integer."""


def is_identifier(value: object) -> bool:
    """Whether a value may be an id in any table."""
    return isinstance(value, str) and re.fullmatch(IDENTIFIER, value) is not None


def id_field(description: str, *, nullable: bool = False) -> Any:
    """An id, by its form."""
    return pa.Field(str_matches=IDENTIFIER, nullable=nullable, description=description)


def text_field(description: str) -> Any:
    """A text."""
    return pa.Field(str_length={"max_value": TEXT_LIMIT}, nullable=True, description=description)


def count_field(description: str, limit: int = COUNT_LIMIT) -> Any:
    """A count that is not negative."""
    return pa.Field(ge=0, le=limit, nullable=True, description=description)


def popularity_field(of: str) -> Any:
    """A popularity of 0 to 100."""
    return pa.Field(
        ge=0, le=100, nullable=True, description=f"Popularity of the {of}, index 0–100; null: not told"
    )


def share_field(description: str) -> Any:
    """A share of 0 to 1."""
    return pa.Field(ge=0, le=1, nullable=True, description=f"{description}, 0–1")


def precision_field() -> Any:
    """How exact a release date is."""
    return pa.Field(
        isin=["day", "month", "year"], nullable=True, description="What release_date covers from its day on"
    )


def _all_in_list(lists: pd.Series[Any], rule: Callable[[pyarrow.Array], pyarrow.Array]) -> pd.Series[bool]:
    """Whether every text of each list holds to a rule; lists without texts do."""
    values = pyarrow.Array.from_pandas(lists)
    broken = compute.list_parent_indices(values).filter(compute.invert(rule(compute.list_flatten(values))))
    holds = np.ones(len(lists), dtype=bool)
    holds[broken.to_numpy(zero_copy_only=False)] = False
    return cast("pd.Series[bool]", pd.Series(holds, index=lists.index))


def _has_no_nul(texts: pyarrow.Array) -> pyarrow.Array:
    return compute.invert(compute.match_substring(texts, "\x00"))


def _is_short(texts: pyarrow.Array) -> pyarrow.Array:
    return compute.and_(
        compute.less_equal(compute.utf8_length(texts), TEXT_LIMIT),
        compute.less_equal(compute.binary_length(texts), LIST_TEXT_BYTES),
    )


class Snapshot(pa.DataFrameModel):
    """What every observation has."""

    snapshot_date: Series[Day] = pa.Field(description="UTC day the row was observed on")
    source: Series[Text] = pa.Field(
        str_matches=r"[a-z][a-z0-9_-]{0,39}$", description="Series the row belongs to"
    )
    observed_at: Series[Instant] = pa.Field(description="When the response had arrived (UTC)")

    @pa.dataframe_check
    @classmethod
    def _observed_on_its_day(cls, frame: pd.DataFrame) -> Series[bool]:
        return cast("Series[bool]", frame["observed_at"].dt.date == frame["snapshot_date"])

    # Of every column, so that none can be forgotten: PostgreSQL stores no NUL, and marts put the texts of
    # lists (genres) into indexes, which hold no long ones.
    @pa.check(".*", regex=True)
    @classmethod
    def _no_nul(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        if values.dtype == _LIST:
            return _all_in_list(values, _has_no_nul)
        return ~values.str.contains("\x00", regex=False) if values.dtype == _TEXT else True

    @pa.check(".*", regex=True)
    @classmethod
    def _short_texts(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        return _all_in_list(values, _is_short) if values.dtype == _LIST else True

    @pa.check(".*", regex=True)
    @classmethod
    def _short_list(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        if values.dtype != _LIST:
            return True
        lengths = compute.fill_null(compute.list_value_length(pyarrow.Array.from_pandas(values)), 0)
        return pd.Series(lengths.to_numpy() <= LIST_LIMIT, index=values.index)
