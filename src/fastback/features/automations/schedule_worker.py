"""The worker side of `schedules`: when automations run next, by rules of RFC 5545 in the time zones of their owners.

A rule without a start begins now, where it repeats daily or less often. More frequent rules without a start follow the
clock: every five minutes means :00, :05, :10.
"""

from __future__ import annotations

import datetime
from itertools import islice, pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import HOURLY, MINUTELY, SECONDLY, rruleset, rrulestr

from fastback.kit.workers.recurrence import (
    SECOND,
    TOO_SLOW,
    TimeExceeded,
    find_zone,
    limit_time,
    strip_start,
    to_local,
    to_ns,
)

#: Seconds that one rule may take: when the next runs are looked for, and when a range is expanded.
RULE_SECONDS, EXPANSION_SECONDS = 2.0, 0.5
#: Runs that are compared for the shortest interval between two.
COMPARED_RUNS = 30
#: Entries of one automation in a range.
MAX_ENTRIES = 5000
#: Runs before now from which on a frequent rule is not followed from its start.
_MAX_PAST_RUNS = 100_000
_EPOCH = datetime.datetime(2000, 1, 1)
#: More than clocks are ever moved by.
_CLOCK_CHANGE = datetime.timedelta(hours=3)
_UNITS = {SECONDLY: "seconds", MINUTELY: "minutes", HOURLY: "hours"}


class Schedule(NamedTuple):
    """A parsed rule: its occurrences in local time, and whether it may repeat within a day."""

    rule: Any
    is_frequent: bool

    @property
    def start(self) -> datetime.datetime:
        """The local time at which the rule begins."""
        start: datetime.datetime = _get_only_rule(self.rule)._dtstart
        return start.replace(tzinfo=None)


def _get_only_rule(parsed: Any) -> Any:
    """Return the only rule of what a text says.

    Raises:
        ValueError: it has none, or several.
    """
    rules = parsed._rrule if isinstance(parsed, rruleset) else [parsed]
    if len(rules) > 1:
        raise ValueError("only one RRULE is supported per recurrence rule")
    if not rules:
        raise ValueError("a recurrence rule needs an RRULE")
    return rules[0]


def parse_schedule(text: str, now: datetime.datetime, earliest: datetime.datetime | None = None) -> Schedule:
    """Return a rule; `now` is the local time, and `earliest` an earlier one from which on occurrences are needed.

    Raises:
        ValueError: the rule is invalid. dateutil raises other errors, too.
    """
    if "EXRULE" in text.upper():
        raise ValueError("EXRULE is not supported in recurrence rules")
    parsed = rrulestr(text, ignoretz=True)
    rule = _get_only_rule(parsed)
    unit = _UNITS.get(rule._freq)
    if unit is not None and rule._interval < 1:
        raise ValueError("RRULE INTERVAL must be a positive integer")
    start: datetime.datetime | None = rule._dtstart.replace(tzinfo=None)
    if not any(part.upper().startswith("DTSTART") for part in text.split()):
        start = now.replace(second=0, microsecond=0) if unit is None else None
    if unit is not None:
        start = _choose_start(rule, unit, start, earliest or now)
    if start == rule._dtstart:
        return Schedule(parsed, unit is not None)
    return Schedule(rrulestr(strip_start(text) or text, dtstart=start, ignoretz=True), unit is not None)


def _choose_start(
    rule: Any, unit: str, start: datetime.datetime | None, earliest: datetime.datetime
) -> datetime.datetime:
    """Return the local time from which on a frequent rule is followed; `start` is the one that it names."""
    step = datetime.timedelta(**{unit: rule._interval})
    if start is not None:
        past_runs = (earliest - start) // step * len(rule._byminute or (0,)) * len(rule._bysecond or (0,))
        if past_runs <= _MAX_PAST_RUNS or rule._count is not None:
            return start
    origin = start or _EPOCH
    return origin + (earliest - origin) // step * step


def list_runs(text: str, zone: ZoneInfo | None, now_ns: int, count: int) -> list[int]:
    """Return the next runs (ns) after now.

    Where the clocks are turned back, rules within a day go on through the hour that comes twice, and others run once.
    """
    now = to_local(now_ns, zone)
    margin = _CLOCK_CHANGE if _is_near_change(now_ns, zone) else datetime.timedelta(0)
    schedule = parse_schedule(text, now, now - margin)
    folds = (0, 1) if schedule.is_frequent and margin else (0,)
    runs: set[int] = set()
    for occurrence in schedule.rule.xafter(now - margin):
        runs.update(time for fold in folds if (time := to_ns(occurrence, zone, fold)) > now_ns)
        if len(runs) >= count and occurrence > now + margin:
            break
    return sorted(runs)[:count]


def _is_near_change(now_ns: int, zone: ZoneInfo | None) -> bool:
    """Return whether the clocks of a zone are changed a few hours before or after now."""
    hours = int(_CLOCK_CHANGE.total_seconds()) * SECOND
    return to_local(now_ns + hours, zone) - to_local(now_ns - hours, zone) != 2 * _CLOCK_CHANGE


def _find_interval(text: str) -> int | None:
    """Return the seconds between two runs, at least; None for a rule that runs once at most."""
    text = strip_start(text) or text
    now = datetime.datetime.now()
    occurrences: list[datetime.datetime] = []
    try:
        with limit_time(RULE_SECONDS):
            occurrences.extend(islice(parse_schedule(text, now).rule.xafter(now), COMPARED_RUNS))
    except (TimeExceeded, Exception):
        return None
    return min((int((later - earlier).total_seconds()) for earlier, later in pairwise(occurrences)), default=None)


def _evaluate(rule: dict[str, Any], now_ns: int, count: int) -> dict[str, Any]:
    """Return `runs`, or `error`, or that the rule is too `slow`; with `interval` where the rule asks for it."""
    text = rule["rule"]
    try:
        with limit_time(RULE_SECONDS):
            result: dict[str, Any] = {"runs": list_runs(text, find_zone(rule["zone"]), now_ns, count)}
    except TimeExceeded:
        return {"error": TOO_SLOW, "is_slow": True}
    except Exception as error:
        return {"error": f"Invalid RRULE: {error}"}
    if rule.get("interval"):
        result["interval"] = _find_interval(text)
    return result


def _expand(entry: dict[str, Any], start_ns: int, end_ns: int) -> list[int]:
    """Return the runs (ns) in a range, of an automation whose next run is `next`; none where that takes too long."""
    text, zone = entry["rule"], find_zone(entry["zone"])
    first = to_local(entry["next"], zone)
    runs: list[int] = []
    try:
        with limit_time(EXPANSION_SECONDS):
            upper = text.upper()
            if "COUNT=" in upper and "DTSTART" in upper:
                first = parse_schedule(text, first).start
            rule: Any = rrulestr(strip_start(text) or text, dtstart=first, ignoretz=True)
            end = to_local(end_ns, zone)
            for occurrence in rule.xafter(to_local(start_ns, zone) - datetime.timedelta(days=1), inc=True):
                if occurrence >= end or len(runs) >= MAX_ENTRIES:
                    break
                time = to_ns(occurrence, zone)
                if time >= start_ns:
                    runs.append(time)
    except (TimeExceeded, Exception):
        return []
    return runs


def handle(job: dict[str, Any]) -> Any:
    """Return for each of the `rules` its next `count` runs after `now`, or the runs of `entries` in a range."""
    if "entries" in job:
        return [_expand(entry, job["start"], job["end"]) for entry in job["entries"]]
    return [_evaluate(rule, job["now"], job["count"]) for rule in job["rules"]]
