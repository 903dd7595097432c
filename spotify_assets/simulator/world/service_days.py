"""What happens to everyone at once: the days on which the service errs.

Days are proleptic ordinals (`date.toordinal()`).
"""

from __future__ import annotations

from spotify_assets.simulator.world.chance import between, mix, unit

(_STALE, _NO_GENRES, _FROZEN, _DOUBLED) = range(300, 304)


class World:
    """What happens to everyone at once."""

    def __init__(self, seed: int, *, quirks: bool) -> None:
        """Keep the seed.

        Args:
            seed: Seed of the catalogue.
            quirks: Whether the service errs at all.
        """
        self._key = mix(seed, 0xA11)
        self._quirks = quirks
        self._shown: dict[int, int] = {}
        self._empty: dict[int, bool] = {}

    def effective(self, day: int) -> int:
        """Return the day whose numbers are served: on about one day in fifty, the day before's."""
        shown = self._shown.get(day)
        if shown is None:
            shown = day
            while self._quirks and unit(self._key, _STALE, shown) < 0.02:
                shown -= 1
            self._shown[day] = shown
        return shown

    def genres_empty(self, day: int) -> bool:
        """Tell whether everyone's genres are empty on a day (spells of two days)."""
        spell = day // 2
        empty = self._empty.get(spell)
        if empty is None:
            empty = self._empty[spell] = self._quirks and unit(self._key, _NO_GENRES, spell) < 0.008
        return empty

    def list_day(self, day: int) -> int:
        """Return the day whose list of new releases is served; lists freeze for two to four weeks."""
        if self._quirks:
            for window in (day // 150, day // 150 - 1):
                if unit(self._key, _FROZEN, window) < 0.5:
                    start = window * 150 + between(0, 149, self._key, _FROZEN, window, 1)
                    if start <= day <= start + between(14, 27, self._key, _FROZEN, window, 2):
                        return start
        return day

    def item_doubled(self, day: int) -> bool:
        """Tell whether the last item of a page of new releases comes again as the first of the next."""
        return self._quirks and unit(self._key, _DOUBLED, day) < 0.15
