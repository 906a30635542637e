"""What worker processes share that evaluate recurrence rules of RFC 5545: limits of time, and local times.

A rule may match nothing for centuries, or never; an alarm ends its evaluation.
"""

from __future__ import annotations

import datetime
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

#: What users read of a rule whose evaluation takes too long.
TOO_SLOW = "Schedule took too long to evaluate; simplify its recurrence rule."
SECOND = 1_000_000_000


class TimeExceeded(BaseException):
    """The time of a rule is over; no handler of the library catches it."""


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Raise `TimeExceeded` inside of the block once it has taken this long."""

    def stop(*_: object) -> None:
        raise TimeExceeded

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def find_zone(name: str | None) -> ZoneInfo | None:
    """Return a time zone; None, the zone of the server, where it is unknown."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def to_local(time_ns: int, zone: ZoneInfo | None) -> datetime.datetime:
    """Return a time (ns) as the clocks of a zone show it."""
    return datetime.datetime.fromtimestamp(time_ns / SECOND, tz=zone).replace(tzinfo=None)


def to_ns(local: datetime.datetime, zone: ZoneInfo | None, fold: int = 0) -> int:
    """Return the time (ns) of a local time; one that the clocks skip is as much later as they skip.

    Of a time that the clocks show twice it is the first one, or with `fold` 1 the second one.
    """
    return int(local.replace(tzinfo=zone, fold=fold).timestamp()) * SECOND + local.microsecond * 1000


def strip_start(text: str) -> str:
    """Return a rule without the start that it names."""
    return "\n".join(part for part in text.split() if not part.upper().startswith("DTSTART"))
