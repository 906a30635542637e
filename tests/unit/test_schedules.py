"""When automations run: local times, changes of the clocks, rules without a start, rules that never end."""

from __future__ import annotations

import datetime
import itertools
import time
from zoneinfo import ZoneInfo

import pytest

from fastback.features.automations import schedule_worker
from fastback.features.automations.schedule_worker import handle, list_runs

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
SECOND = 10**9


def to_ns(text: str, zone: ZoneInfo = UTC, fold: int = 0) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()) * SECOND


def list_local(rule: str, now: str, count: int = 3, zone: ZoneInfo = BERLIN, fold: int = 0) -> list[str]:
    """Return the next runs after a local time, as the clocks show them, each with its distance from UTC."""
    runs = list_runs(rule, zone, to_ns(now, zone, fold), count)
    moments = [datetime.datetime.fromtimestamp(run // SECOND, tz=zone) for run in runs]
    return [moment.strftime("%m-%d %H:%M%z") for moment in moments]


def test_runs_follow_the_clock_of_the_zone() -> None:
    rule = "DTSTART:20260101T090000\nRRULE:FREQ=DAILY"
    assert list_local(rule, "2026-03-28T10:00") == ["03-29 09:00+0200", "03-30 09:00+0200", "03-31 09:00+0200"]
    assert list_local(rule, "2026-10-24T09:00") == ["10-25 09:00+0100", "10-26 09:00+0100", "10-27 09:00+0100"]


def test_a_time_that_the_clocks_skip_is_an_hour_later() -> None:
    rule = "DTSTART:20260101T023000\nRRULE:FREQ=DAILY"
    assert list_local(rule, "2026-03-28T12:00", 2) == ["03-29 03:30+0200", "03-30 02:30+0200"]
    assert list_local(rule, "2026-03-29T03:10", 2) == ["03-29 03:30+0200", "03-30 02:30+0200"]


def test_a_time_that_comes_twice_is_the_first_one() -> None:
    rule = "DTSTART:20260101T023000\nRRULE:FREQ=DAILY"
    assert list_local(rule, "2026-10-25T01:00", 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]
    assert list_local(rule, "2026-10-25T02:10", 2, fold=1) == ["10-26 02:30+0100", "10-27 02:30+0100"]


@pytest.mark.parametrize("start", ["", "DTSTART:20260101T000000\n", "DTSTART:20000101T000000\n"])
def test_frequent_runs_go_on_through_changes_of_the_clocks(start: str) -> None:
    rule = f"{start}RRULE:FREQ=MINUTELY;INTERVAL=30"
    assert list_local(rule, "2026-10-25T02:10", 4) == [
        "10-25 02:30+0200",
        "10-25 02:00+0100",
        "10-25 02:30+0100",
        "10-25 03:00+0100",
    ]
    runs = list_runs(rule, BERLIN, to_ns("2026-03-29T00:10", BERLIN), 8)
    assert [later - earlier for earlier, later in itertools.pairwise(runs)] == [1800 * SECOND] * 7


def test_rules_without_a_start_follow_the_clock_or_begin_now() -> None:
    now = "2026-05-05T10:17:20"
    assert list_local("RRULE:FREQ=MINUTELY;INTERVAL=20", now) == [f"05-05 10:{m}+0200" for m in (20, 40)] + [
        "05-05 11:00+0200"
    ]
    assert list_local("RRULE:FREQ=DAILY", now, 2) == ["05-06 10:17+0200", "05-07 10:17+0200"]
    assert list_local("FREQ=WEEKLY;BYDAY=MO;BYHOUR=8;BYMINUTE=0", now, 1) == ["05-11 08:00+0200"]


def test_a_start_in_another_zone_is_a_local_time() -> None:
    for start in ("DTSTART:20260101T090000Z", "DTSTART;TZID=America/New_York:20260101T090000"):
        for frequency in ("DAILY", "HOURLY;INTERVAL=24"):
            assert list_local(f"{start}\nRRULE:FREQ={frequency}", "2026-02-01T12:00", 1) == ["02-02 09:00+0100"]


def test_an_old_start_keeps_its_phase_and_costs_nothing() -> None:
    rule = "DTSTART:20000101T000730\nRRULE:FREQ=MINUTELY;INTERVAL=15"
    begin = time.perf_counter()
    assert list_runs(rule, UTC, to_ns("2026-05-05T10:00"), 1) == [to_ns("2026-05-05T10:07:30")]
    assert time.perf_counter() - begin < 1
    counted = "DTSTART:20260505T000000\nRRULE:FREQ=HOURLY;COUNT=3"
    assert list_runs(counted, UTC, to_ns("2026-05-05T01:30"), 5) == [to_ns("2026-05-05T02:00")]
    assert list_runs(counted, UTC, to_ns("2026-05-06T00:00"), 5) == []


def evaluate(rule: str, zone: str | None = "UTC") -> dict[str, object]:
    job = {"rules": [{"rule": rule, "zone": zone, "interval": True}], "now": time.time_ns(), "count": 2}
    (result,) = handle(job)
    return dict(result)


def test_rules_that_never_end_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_worker, "RULE_SECONDS", 0.2)
    for rule in ("FREQ=DAILY;INTERVAL=0", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"):
        begin = time.perf_counter()
        assert evaluate(rule)["is_slow"] is True
        assert time.perf_counter() - begin < 2
    entry = {"rule": "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "next": time.time_ns(), "zone": None}
    monkeypatch.setattr(schedule_worker, "EXPANSION_SECONDS", 0.2)
    start = time.time_ns()
    assert handle({"entries": [entry], "start": start, "end": start + 10**15}) == [[]]


@pytest.mark.parametrize(
    ("rule", "interval"),
    [
        ("RRULE:FREQ=MINUTELY;INTERVAL=5", 300),
        ("DTSTART:20990101T000000\nRRULE:FREQ=DAILY", 86_400),
        ("DTSTART:20990101T000000\nRRULE:FREQ=DAILY;COUNT=1", None),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,1;BYSECOND=0", 60),
        ("FREQ=YEARLY", 365 * 86_400),
    ],
)
def test_the_interval_is_the_shortest_one(rule: str, interval: int | None) -> None:
    assert evaluate(rule).get("interval") == interval


def test_many_entries_of_one_automation_are_limited() -> None:
    start = time.time_ns()
    entry = {"rule": "FREQ=MINUTELY", "next": start + 60 * SECOND, "zone": "Asia/Kolkata"}
    (runs,) = handle({"entries": [entry], "start": start, "end": start + 10**18})
    assert len(runs) == schedule_worker.MAX_ENTRIES
