"""Names of markets as files write them, and their ISO 3166-1 codes.

Belongs here: the markets that charts are published for, by their English names. A name that stands for no
single country (``world``) has no code; a name that is not here is left as it is written.
"""

from __future__ import annotations

_CODES = (
    "AE united arab emirates|uae; AR argentina; AT austria; AU australia; BE belgium; BG bulgaria; BO "
    "bolivia; BR brazil; BY belarus; CA canada; CH switzerland; CL chile; CO colombia; CR costa rica; "
    "CY cyprus; CZ czech republic|czechia; DE germany; DK denmark; DO dominican republic; EC ecuador; "
    "EE estonia; EG egypt; ES spain; FI finland; FR france; GB united kingdom|uk|great britain; GR "
    "greece; GT guatemala; HK hong kong; HN honduras; HU hungary; ID indonesia; IE ireland; IL israel; "
    "IN india; IS iceland; IT italy; JP japan; KR south korea|korea; KZ kazakhstan; LT lithuania; LU "
    "luxembourg; LV latvia; MA morocco; MX mexico; MY malaysia; NG nigeria; NI nicaragua; NL "
    "netherlands|the netherlands; NO norway; NZ new zealand; PA panama; PE peru; PH philippines; PK "
    "pakistan; PL poland; PT portugal; PY paraguay; RO romania; SA saudi arabia; SE sweden; SG "
    "singapore; SK slovakia; SV el salvador; TH thailand; TR turkey|türkiye; TW taiwan; UA ukraine; US "
    "united states|usa|united states of america; UY uruguay; VE venezuela; VN vietnam; ZA south africa"
)
NOWHERE = frozenset({"world", "worldwide", "global"})
"""Charts of no single market."""

CODES: dict[str, str] = {name: entry[:2] for entry in _CODES.split("; ") for name in entry[3:].split("|")}
"""Code of each name."""


def market_code(text: str) -> str | None:
    """The code of a market by its name or code, in any case; None for charts of all markets."""
    folded = " ".join(text.replace("_", " ").casefold().split())
    if folded in NOWHERE:
        return None
    return CODES.get(folded, text.upper() if len(text) == 2 else text)
