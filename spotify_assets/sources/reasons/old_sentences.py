"""Reasons of before they had codes, as sentences in landed notes: read here, for the lake is never rewritten.

Migration 0015 says the same of the ledger, in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from spotify_assets.sources.reasons.reason import Reason, ReasonCode, from_json

# These are what was written once. Sentences of today may change; these never do.
_EXACT: Mapping[str, Reason] = {
    "": Reason(ReasonCode.NOT_ASKED),
    "not asked for": Reason(ReasonCode.NOT_ASKED),
    "planned but not asked for: the run ended first": Reason(ReasonCode.NOT_ASKED),
    "the calls of the day were used up before its turn came": Reason(ReasonCode.BUDGET_SPENT),
    "the upstream asked to be left alone before its turn came": Reason(ReasonCode.COOLDOWN),
    "unknown to the upstream (null)": Reason(ReasonCode.NOT_FOUND, "no data for this id"),
    "not published by this source": Reason(ReasonCode.NOT_PUBLISHED),
    "not among the imported columns": Reason(ReasonCode.NOT_IN_FILE),
    "left out of every answer of this day: this app may not see it": Reason(ReasonCode.WITHHELD),
    "in no answer of this day": Reason(ReasonCode.NOT_TOLD),
    "no value came on this day": Reason(ReasonCode.NO_VALUES),
}
_BEGINNINGS = (
    (re.compile(r"this app may not see it(: | )?"), ReasonCode.REFUSED),
    (re.compile(r"its id at( \S+ is not known)?(: | )?"), ReasonCode.UNIDENTIFIED),
    (re.compile(r"(not found|unknown to the upstream)(: | )?"), ReasonCode.NOT_FOUND),
)
"""How sentences began that went on with the detail, perhaps in brackets."""
_NO_DATA = frozenset(
    {
        "unknown to ListenBrainz (no listens)",
        "no recordings that anybody listened to",
        "no top tracks",
        "no top tracks in this market",
        "no tracks in the answer",
    }
)


def from_sentence(source: str, sentence: str) -> Reason:
    """What a sentence says that stood for a reason once.

    Args:
        source: Whose note or ledger row it stands in.
        sentence: The sentence.
    """
    if sentence in _EXACT:
        return _EXACT[sentence]
    if sentence.startswith("this app may not see it") and f"{source} tells nothing about" in sentence:
        return Reason(ReasonCode.NOT_OFFERED)
    for beginning, code in _BEGINNINGS:
        if found := beginning.match(sentence):
            rest = sentence[found.end() :]
            return Reason(code, rest[1:-1] if rest.startswith("(") and rest.endswith(")") else rest)
    if sentence.startswith("ListenBrainz gives top tracks to signed-in users only"):
        return Reason(ReasonCode.NOT_ASKED, sentence)
    if sentence in _NO_DATA:
        return Reason(ReasonCode.NO_DATA, sentence)
    return Reason(ReasonCode.FORBIDDEN if "HTTP 403" in sentence else ReasonCode.FAILED, sentence)


def from_note(source: str, said: object) -> Reason:
    """The reason that a landed note gives: an object with a code, or a sentence of before.

    Args:
        source: Whose note it is.
        said: What stands in the note.
    """
    return from_json(said) if isinstance(said, Mapping) else from_sentence(source, str(said or ""))
