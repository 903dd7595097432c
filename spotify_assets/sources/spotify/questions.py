"""The questions that Spotify's Web API can be asked, as few as its batch sizes allow.

Belongs here: paths, parameters and batches. Does not belong here: asking (`source`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from spotify_assets.sources.question import Question

BATCH_ANSWERS = frozenset({400, 404})
"""A batch that holds one id the upstream dislikes is refused whole (400); see `halves`."""


def batches(
    what: str, path: str, ids: Sequence[str], size: int, params: tuple[tuple[str, str], ...] = ()
) -> Iterator[Question]:
    """The fewest questions that ask for all `ids`, order kept.

    Args:
        what: What they are, for messages.
        path: Call that takes ``ids``.
        ids: Each once.
        size: Most ids that the call takes.
        params: Further parameters.
    """
    todo = iter(ids)
    asked = 0
    while batch := list(islice(todo, size)):
        label = f"{what} {asked + 1} to {asked + len(batch)} of {len(ids)}"
        asked += len(batch)
        yield _batch(label, path, batch, params)


def _batch(label: str, path: str, ids: list[str], params: tuple[tuple[str, str], ...]) -> Question:
    return Question(label, path, (("ids", ",".join(ids)), *params), {"ids": ids}, answers=BATCH_ANSWERS)


def halves(question: Question) -> list[Question]:
    """The same question in two parts; empty when it cannot be divided."""
    ids = question.request.get("ids")
    if not isinstance(ids, list) or len(ids) < 2:
        return []
    parts = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    return [
        replace(
            question,
            label=f"{question.label} (part {n})" if len(part) > 1 else f"{part[0]}",
            params=(("ids", ",".join(part)), *question.params[1:]),
            request={"ids": part},
        )
        for n, part in enumerate(parts, 1)
    ]


def top_tracks(artist_id: str, market: str) -> Question:
    """An artist's top tracks in one market."""
    return Question(
        f"top tracks of {artist_id} in {market}",
        f"/artists/{artist_id}/top-tracks",
        (("market", market),),
        {"artist_id": artist_id, "market": market},
    )
