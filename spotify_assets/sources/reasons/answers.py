"""Why an answer of an upstream brought nothing, as its readers say it."""

from __future__ import annotations

from spotify_assets.sources.reasons.reason import Reason, ReasonCode


def failed(detail: str) -> Reason:
    """The reason where an answer came that cannot be used."""
    return Reason(ReasonCode.FAILED, detail)


def no_data(detail: str) -> Reason:
    """The reason where an answer tells nothing of what it is about."""
    return Reason(ReasonCode.NO_DATA, detail)


def unreadable(status: int, error: Exception) -> Reason:
    """The reason where a body is no JSON."""
    return Reason(_code(status), f"HTTP {status} with {error}")


def no_answer(status: int, said: str) -> Reason:
    """The reason where an error came.

    Args:
        status: Its HTTP status.
        said: What the upstream said, as it is to follow the status.
    """
    if status == 404:
        return Reason(ReasonCode.NOT_FOUND, f"HTTP 404{said}")
    return Reason(_code(status), f"no answer (HTTP {status}{said})")


def _code(status: int) -> ReasonCode:
    return ReasonCode.FORBIDDEN if status == 403 else ReasonCode.FAILED


UNKNOWN = Reason(ReasonCode.NOT_FOUND, "no data for this id")
"""Why something is missing that an upstream answers with null."""
LEFT_OUT = failed("left out of the response")
"""Why something is missing that a response about several leaves out."""
