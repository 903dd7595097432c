"""What went wrong, told once: failed runs and failed checks as one message.

Where failures are read from stands in `defs.monitoring.alerts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from spotify_assets.alerts.message import Entry, Message

ACTIONS = {
    "import_files": (
        "Files that could not be imported are in the folder `failed`, each with its reason; the others are "
        "loaded.",
        "Read the .reason.txt beside the file, correct the file, and move it back.",
    ),
    "check_platform": (
        "Whether the last days are whole was not looked at this time; the data is as it was.",
        "Open the run, mend what it names, and re-execute it; until then: spotify-assets status.",
    ),
    "housekeeping": (
        "Events, logs or responses that are too old to be of use are still there; no data is missing.",
        "Open the run, mend what it names, and re-execute it; until then they take room.",
    ),
    "enforce_retention": (
        "Content that SPOTIFY_RETENTION_DAYS does not allow to be kept may still be there.",
        "See what is left and why: spotify-assets purge --expired",
    ),
}
"""By job: what its failure means for the data, and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One failed run or check.

    Attributes:
        kind: Which of the two.
        what: Name of the job; or asset and name of the check.
        day: The day or days (UTC) that it is about; none where it is about none.
        reason: What it said.
        at: When that was.
        link: Where to see it.
        severe: False for a check that only warns.
        blocking: Whether what is downstream waits for the check.
        observes: Whether a run observes and loads days.
        automatic: What happens by itself now, in a sentence; none for nothing.
        times: How often it was met.
    """

    kind: Literal["run", "check"]
    what: str
    day: str | None
    reason: str
    at: datetime
    link: str
    severe: bool = True
    blocking: bool = False
    observes: bool = False
    automatic: str | None = None
    times: int = 1

    @property
    def key(self) -> str:
        """The same for the same trouble, however often it is met."""
        if self.kind == "check":
            return check_key(self.what, self.day, severe=self.severe)
        return f"run {self.what} {self.day}"


def check_key(what: str, day: str | None, *, severe: bool) -> str:
    """The key of a check that fails, or that warns, on some days."""
    return f"check {what} {day} {'failed' if severe else 'warns'}"


def tell(problems: Iterable[Problem], today: date, *, simulated: bool) -> Message | None:
    """One message about all of it: each trouble once, with its days and how often it was met; else nothing.

    Args:
        problems: In the order met; of the same trouble the last one speaks.
        today: The UTC day that may still be observed.
        simulated: Whether the data is.
    """
    met: dict[str, list[Problem]] = {}
    for problem in problems:
        # A check that says no on many days of a range is one trouble.
        same = f"{problem.what} {problem.severe}" if problem.kind == "check" else problem.key
        met.setdefault(same, []).append(problem)
    if not met:
        return None
    # What stops data comes before what only warns, and runs come before their checks.
    groups = sorted(
        met.values(), key=lambda same: (not same[-1].severe, same[-1].kind == "check", same[-1].at)
    )
    return Message("problems", _title(groups), tuple(_entry(same, today) for same in groups), simulated)


def _title(groups: Sequence[Sequence[Problem]]) -> str:
    runs = sum(same[-1].kind == "run" for same in groups)
    checks = sum(same[-1].kind == "check" and same[-1].severe for same in groups)
    warnings = len(groups) - runs - checks
    parts = [
        f"{count:,} {one if count == 1 else many}"
        for count, one, many in (
            (runs, "job failed", "jobs failed"),
            (checks, "check failed", "checks failed"),
            (warnings, "check warns", "checks warn"),
        )
        if count
    ]
    return ", ".join(parts)


def _entry(same: Sequence[Problem], today: date) -> Entry:
    problem = same[-1]
    verb = "Run failed" if problem.kind == "run" else "Check failed" if problem.severe else "Check warns"
    days = sorted({one.day for one in same if one.day})
    day = f" of {days[0]}" if len(days) == 1 else f" of {len(days)} days up to {days[-1]}" if days else ""
    times = sum(one.times for one in same)
    often = f" ({times} times)" if times > max(len(days), 1) else ""
    means, to_do = _meaning(problem, today)
    lines = [("What broke", problem.reason), ("For the data", means), ("To do", to_do)]
    if problem.automatic:
        lines.insert(2, ("By itself", problem.automatic))
    return Entry(f"{verb}: {problem.what}{day}{often}", tuple(lines), problem.link)


def _meaning(problem: Problem, today: date) -> tuple[str, str]:
    if problem.kind == "check":
        return _meaning_of_check(problem)
    if problem.what in ACTIONS:
        return ACTIONS[problem.what]
    if not problem.observes:
        return "What was committed before stands.", "Open the run, mend what it names, and re-execute it."
    standing = "What was committed before stands; tables and marts that were not reached are as they were."
    if problem.day is not None and problem.day >= today.isoformat():
        return (
            f"The day is not complete yet. {standing}",
            "Open the run and mend what it names; then: spotify-assets materialize (until midnight UTC; it "
            "asks only for what is missing).",
        )
    return (
        f"{standing} What was not observed on its day is lost; what was landed then can be loaded again.",
        "Open the run and mend what it names; then: spotify-assets backfill over these days. spotify-assets "
        "status lists lost days.",
    )


def _meaning_of_check(problem: Problem) -> tuple[str, str]:
    if problem.severe and problem.blocking:
        return (
            "What is downstream was not built from it: marts stay as they were before.",
            "Open the check to see rows and rules; mend the cause, and materialize the day again.",
        )
    if problem.severe:
        return (
            "The rows stand in the table, though they break what must hold: do not trust this day before you "
            "know why.",
            "Open the check; mend the cause, and materialize the day again.",
        )
    return (
        "The day is loaded and the marts are built; something about it is unusual or missing.",
        "Look at the check, and at spotify-assets status, before you rely on this day.",
    )
