"""Doing the same for many, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def for_each(
    things: Sequence[T],
    at_once: int,
    do: Callable[[T], Awaitable[None]],
    may_begin: Callable[[], bool] = lambda: True,
) -> int:
    """Do something for each thing, in order, a few at a time.

    Args:
        things: For what.
        at_once: How many at a time.
        do: What.
        may_begin: Whether another one is begun.

    Returns:
        How many were begun, from the first on; all of them are done.
    """
    begun = 0

    async def work() -> None:
        nonlocal begun
        while begun < len(things) and may_begin():
            begun += 1
            await do(things[begun - 1])

    tasks = [asyncio.create_task(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return begun
