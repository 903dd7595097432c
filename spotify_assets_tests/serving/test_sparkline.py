"""A series in one line of text: gaps are shown, never guessed."""

from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.serving.sparkline import sparkline


def test_a_rise_rises() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"


def test_a_gap_is_a_dot() -> None:
    assert sparkline([1, None, 2]) == "▁·█"


def test_a_flat_series_is_flat() -> None:
    assert sparkline([5, 5, 5]) == "▄▄▄"


def test_nothing_seen_is_dots_and_nothing_is_nothing() -> None:
    assert sparkline([None, None]) == "··"
    assert sparkline([]) == ""


@given(st.lists(st.none() | st.integers(0, 100), max_size=200), st.integers(1, 60))
def test_any_series_fits_its_width(values: list[int | None], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    assert ("·" in line) <= (None in values)
