"""The worker side of `recurrence`: evaluate recurrence rules of RFC 5545 with dateutil."""

from __future__ import annotations

import datetime
from itertools import islice, pairwise
from typing import Any

from dateutil.rrule import rrulebase, rrulestr

from fastback.kit.workers.errors import JobFailed
from fastback.kit.workers.recurrence import (
    TOO_SLOW,
    TimeExceeded,
    find_zone,
    limit_time,
    strip_start,
    to_local,
    to_ns,
)

#: Seconds that one rule may take.
RULE_SECONDS = 0.5
#: Seconds that a rule may take when it is checked.
CHECK_SECONDS = 1.5
#: Seconds between two occurrences of a series, at least.
MIN_INTERVAL_SECONDS = 24 * 60 * 60
#: Occurrences of a rule that a check compares.
_CHECKED_OCCURRENCES = 30
#: Occurrences of one series in a range.
MAX_OCCURRENCES = 5000
TOO_FREQUENT = "Recurring events cannot repeat more often than daily"


def parse_rule(text: str, start: datetime.datetime) -> rrulebase:
    """Return the occurrences of a rule from a start on, in local time; the start that the text names is ignored.

    Raises:
        ValueError: the rule is invalid.
    """
    upper = text.upper()
    if "EXRULE" in upper:
        raise ValueError("EXRULE is not supported in recurrence rules")
    if upper.count("FREQ=") > 1:
        raise ValueError("only one RRULE is supported per recurrence rule")
    return rrulestr(strip_start(text), dtstart=start, ignoretz=True)


def _check_rule(text: str) -> None:
    """Check that a rule is valid, and repeats no more often than daily.

    Raises:
        JobFailed: it is not.
    """
    now = datetime.datetime.now().replace(second=0, microsecond=0)
    try:
        with limit_time(CHECK_SECONDS):
            occurrences = list(islice(parse_rule(text, now), _CHECKED_OCCURRENCES))
    except TimeExceeded:
        raise JobFailed(TOO_SLOW) from None
    except ValueError as error:
        raise JobFailed(str(error)) from None
    except Exception as error:
        raise JobFailed(f"Invalid RRULE: {error}") from None
    for earlier, later in pairwise(occurrences):
        if (later - earlier).total_seconds() < MIN_INTERVAL_SECONDS:
            raise JobFailed(TOO_FREQUENT)


def _expand_series(series: dict[str, Any], range_start: int, range_end: int) -> list[int] | None:
    """Return the starts (ns) of the occurrences that a range meets; None where the rule cannot be evaluated."""
    start, length = series["start"], max(series["length"], 0)
    zone = find_zone(series["zone"])
    starts: list[int] = []
    try:
        with limit_time(RULE_SECONDS):
            first = to_local(max(start, range_start - length), zone) - datetime.timedelta(days=1)
            last = to_local(range_end, zone)
            previous = None
            for occurrence in parse_rule(series["rule"], to_local(start, zone)).xafter(first, inc=True):
                if occurrence > last or occurrence == previous or len(starts) >= MAX_OCCURRENCES:
                    break
                previous = occurrence
                start_ns = to_ns(occurrence, zone)
                if start_ns < range_end and (start_ns >= range_start or start_ns + length > range_start):
                    starts.append(start_ns)
    except TimeExceeded:
        return None
    except Exception:
        return None
    return starts


def handle(job: dict[str, Any]) -> Any:
    """Check the rule `check`, or expand the `series` within a range; both in nanoseconds.

    Raises:
        JobFailed: the rule is invalid.
    """
    if "check" in job:
        return _check_rule(job["check"])
    return [_expand_series(series, job["start"], job["end"]) for series in job["series"]]
