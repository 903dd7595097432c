"""Receiving a response body: complete, decompressed, and never larger than agreed."""

from __future__ import annotations

import zlib

import httpx

ACCEPT_ENCODING = "gzip"


class Unreadable(Exception):
    """The body cannot be received; `worth_retrying` says whether it may come right next time."""

    def __init__(self, message: str, *, worth_retrying: bool) -> None:
        """Keep whether trying again may help."""
        super().__init__(message)
        self.worth_retrying = worth_retrying


def _too_large(limit: int) -> Unreadable:
    return Unreadable(
        f"a body of more than {limit / 2**20:g} MiB (decompressed), which is the most we take",
        worth_retrying=False,
    )


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Read the body of a streamed response.

    The limit counts decompressed bytes and is applied while decompressing, so that a small body
    which expands to gigabytes never does so here.

    Raises:
        Unreadable: Too large, broken, or compressed in a way nobody asked for.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return await _plain(response, limit)
    if encoding in {"gzip", "x-gzip"}:
        return await _gzip(response, limit)
    raise Unreadable(
        f"a body compressed as {encoding[:40]!r} though only {ACCEPT_ENCODING} was accepted",
        worth_retrying=True,
    )


async def _plain(response: httpx.Response, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _gzip(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    started = False
    try:
        async for chunk in response.aiter_raw():
            todo = chunk
            while todo:
                started = True
                if inflater.eof:
                    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                body += inflater.decompress(todo, limit + 1 - len(body))
                if len(body) > limit:
                    raise _too_large(limit)
                todo = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error:
        raise Unreadable("a broken gzip body", worth_retrying=True) from None
    if started and not inflater.eof:
        raise Unreadable("a gzip body that ends too early", worth_retrying=True)
    return bytes(body)
