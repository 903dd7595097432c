"""A reason: a code that programs compare, and a detail that people read. Sentences are made here only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ReasonCode(StrEnum):
    """Why something is not there. The ledger, landed notes and dbt hold these values: never rename one."""

    # Why something that was asked for, or was to be asked for, did not come.
    REFUSED = "refused"
    """The upstream does not let this app see it."""
    NOT_OFFERED = "not_offered"
    """The source has no such thing at all."""
    UNIDENTIFIED = "unidentified"
    """A watched artist has no known id at the source."""
    BUDGET_SPENT = "budget_spent"
    """The daily quota was used up before."""
    COOLDOWN = "cooldown"
    """The upstream asked for a pause before."""
    NOT_ASKED = "not_asked"
    """It was planned and, for another reason, not asked for."""
    NOT_FOUND = "not_found"
    """The upstream says that there is no such thing."""
    NO_DATA = "no_data"
    """The upstream answered, but has nothing to tell of it."""
    FORBIDDEN = "forbidden"
    """This one call was answered with HTTP 403; whether the app may not see it at all is not known."""
    FAILED = "failed"
    """No usable answer came."""

    # Why a column is empty on a whole day.
    NOT_PUBLISHED = "not_published"
    """No answer of the source ever has it."""
    NOT_IN_FILE = "not_in_file"
    """The imported file did not have it."""
    WITHHELD = "withheld"
    """The source publishes it, and left it out of every answer to this app."""
    NOT_TOLD = "not_told"
    """No answer had it, perhaps because the answers that would have it did not come."""
    NO_VALUES = "no_values"
    """Answers had the field, but never a value in it."""

    @property
    def is_loss(self) -> bool:
        """Whether something is lost by it: the upstream would have told, or a way to ask was there."""
        return self not in _NO_LOSS

    @property
    def is_known_gap(self) -> bool:
        """Whether an empty column is as it has to be, and no fault to look into."""
        return self in _NEVER_THERE or self is ReasonCode.WITHHELD

    @property
    def is_never_there(self) -> bool:
        """Whether a column was never to be had, so that no series of it begins."""
        return self in _NEVER_THERE


_NO_LOSS = frozenset({ReasonCode.REFUSED, ReasonCode.NOT_OFFERED, ReasonCode.UNIDENTIFIED})
_NOT_TODAY = _NO_LOSS | {ReasonCode.BUDGET_SPENT, ReasonCode.COOLDOWN}
_NEVER_THERE = frozenset({ReasonCode.NOT_PUBLISHED, ReasonCode.NOT_IN_FILE})

NO_LOSS = tuple(sorted(code.value for code in _NO_LOSS))
"""Codes by which nothing is lost, for SQL."""
KNOWN_GAPS = tuple(sorted(code.value for code in ReasonCode if code.is_known_gap))
"""Codes of columns that are empty for a known reason, for SQL."""

SENTENCES: Mapping[ReasonCode, str] = {
    ReasonCode.REFUSED: "this app may not see it",
    ReasonCode.NOT_OFFERED: "not offered by this source",
    ReasonCode.UNIDENTIFIED: "its id at this source is not known",
    ReasonCode.BUDGET_SPENT: "the calls of the day were used up before its turn came",
    ReasonCode.COOLDOWN: "the upstream asked to be left alone before its turn came",
    ReasonCode.NOT_ASKED: "planned but not asked for: the run ended first",
    ReasonCode.NOT_FOUND: "not found",
    ReasonCode.NO_DATA: "the upstream has no data on it",
    ReasonCode.FORBIDDEN: "no answer (HTTP 403)",
    ReasonCode.FAILED: "no usable answer",
    ReasonCode.NOT_PUBLISHED: "not published by this source",
    ReasonCode.NOT_IN_FILE: "not among the imported columns",
    ReasonCode.WITHHELD: "left out of every answer of this day: this app may not see it",
    ReasonCode.NOT_TOLD: "in no answer of this day",
    ReasonCode.NO_VALUES: "no value came on this day",
}
"""What each code says. `reason_sentences` in dbt says the same of what marts show."""
SAYS_IT_ALL = frozenset({ReasonCode.NOT_ASKED, ReasonCode.NO_DATA, ReasonCode.FORBIDDEN, ReasonCode.FAILED})
"""Codes whose detail, if there is one, stands in place of the sentence."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not there.

    Attributes:
        code: What programs compare.
        detail: What more there is to say, for people; nothing compares it.
    """

    code: ReasonCode
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words, for where a person reads it."""
        if self.detail and self.code in SAYS_IT_ALL:
            return self.detail
        sentence = SENTENCES[self.code]
        if not self.detail:
            return sentence
        colon = self.code is ReasonCode.UNIDENTIFIED
        return f"{sentence}: {self.detail}" if colon else f"{sentence} ({self.detail})"

    def is_retryable(self, *, asked_again: bool = False) -> bool:
        """Whether asking once more on the same day may bring it.

        Args:
            asked_again: Whether it was asked for again already: an upstream that twice says that there is
                no such thing is believed.
        """
        return self.code not in _NOT_TODAY and not (asked_again and self.code is ReasonCode.NOT_FOUND)

    def as_json(self) -> dict[str, str]:
        """The reason as it is stored: code and detail apart, without an empty detail."""
        return {"code": self.code.value, **({"detail": self.detail} if self.detail else {})}


def to_json(reasons: Mapping[str, Reason]) -> dict[str, dict[str, str]]:
    """Reasons by key or column, as they are stored."""
    return {name: reason.as_json() for name, reason in reasons.items()}


def from_json(value: Mapping[str, Any]) -> Reason:
    """A stored reason."""
    return Reason(ReasonCode(value["code"]), str(value.get("detail") or ""))
