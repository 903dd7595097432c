"""Bodies as Deezer sends them, field for field, with invented values."""

from __future__ import annotations

from typing import Any

ARTIST = 4242
API, PAGES, IMAGES = (
    "https://api.deezer.com",
    "https://www.deezer.com",
    "https://cdns-images.dzcdn.net/images",
)
NO_DATA = {"error": {"type": "DataException", "message": "no data", "code": 800}}


def _images(kind: str, of: str, ident: int) -> dict[str, str]:
    sizes = {"small": 56, "medium": 250, "big": 500, "xl": 1000}
    return {kind: f"{API}/{of}/{ident}/image"} | {
        f"{kind}_{size}": f"{IMAGES}/{kind}/{ident:032x}/{pixels}x{pixels}-000000-80-0-0.jpg"
        for size, pixels in sizes.items()
    }


def _brief(ident: int, name: str) -> dict[str, Any]:
    return {"id": ident, "name": name, "tracklist": f"{API}/artist/{ident}/top?limit=50", "type": "artist"}


def _page(ident: int, name: str) -> dict[str, Any]:
    return {
        **_brief(ident, name),
        "link": f"{PAGES}/artist/{ident}",
        "share": f"{PAGES}/artist/{ident}?utm_source=deezer&utm_content=artist-{ident}&utm_medium=web",
        **_images("picture", "artist", ident),
        "radio": True,
    }


def artist(ident: int = ARTIST, name: str = "Paper Lantern") -> dict[str, Any]:
    """An answer of /artist/{id}."""
    return {**_page(ident, name), "nb_album": 3, "nb_fan": 1_234_567}


def top(ident: int = ARTIST, name: str = "Paper Lantern") -> dict[str, Any]:
    """An answer of /artist/{id}/top: more of the list on a next page, and a guest on the first track."""
    guest = {**_page(77, "Guest"), "role": "Featured"}
    tracks = [
        {
            "id": 9001 + n,
            "readable": True,
            "title": f"Song {n}",
            "title_short": f"Song {n}",
            "title_version": "",
            "link": f"{PAGES}/track/{9001 + n}",
            "duration": 201 + n,
            "rank": 800_000 - 1_000 * n,
            "explicit_lyrics": n == 1,
            "explicit_content_lyrics": 0,
            "explicit_content_cover": 0,
            "preview": "https://cdns-preview-7.dzcdn.net/stream/invented.mp3",
            "contributors": [{**_page(ident, name), "role": "Main"}, *([guest] if n == 0 else [])],
            "artist": _brief(ident, name),
            "album": _album(500 + n, f"Album {n}"),
            "type": "track",
        }
        for n in range(5)
    ]
    return {"data": tracks, "total": 100, "next": f"{API}/artist/{ident}/top?index=5"}


def _album(ident: int, title: str) -> dict[str, Any]:
    return {
        "id": ident,
        "title": title,
        **_images("cover", "album", ident),
        "tracklist": f"{API}/album/{ident}/tracks",
        "type": "album",
    }


def albums(ident: int = ARTIST) -> dict[str, Any]:
    """An answer of /artist/{id}/albums: old ones, of which a next page would tell more."""
    listed = [
        {
            **_album(600 + n, f"Old album {n}"),
            "link": f"{PAGES}/album/{600 + n}",
            "genre_id": 106,
            "fans": 1000 - n,
            "release_date": f"20{10 + n}-05-17",
            "record_type": ("album", "single", "ep", "compile")[n % 4],
            "explicit_lyrics": False,
        }
        for n in range(6)
    ]
    return {"data": listed, "total": 8, "next": f"{API}/artist/{ident}/albums?index=6"}


def editorial_releases() -> dict[str, Any]:
    """An answer of /editorial/0/releases."""
    listed = [
        {
            **_album(700 + n, f"Release {n}"),
            "md5_image": f"{n:032x}",
            "release_date": "2026-11-13",
            "artist": _brief(7100 + n, f"Newcomer {n} (FR)"),
        }
        for n in range(4)
    ]
    return {"data": listed, "total": 199, "next": f"{API}/editorial/106/releases?index=20"}
