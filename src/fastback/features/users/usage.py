"""One user's usage, for the page "Usage": totals, days, weeks, models, tools."""

from __future__ import annotations

import datetime
import time
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fastback.features.users.usage_store import SLOT, UsageSlot

#: Models and tools in a list of the most used.
TOP = 5
#: Times before this (2020), and later than tomorrow, count as now, as in the reference.
_EARLIEST = 1_577_836_800
#: Fields of a message's output or meta that may contain tool calls.
_NESTED = ("tool_calls", "tools", "output", "meta")


class Day(msgspec.Struct):
    """A day, the week that begins with it, or all days up to it."""

    date: str
    messages: int = 0
    chats: int = 0
    tokens: int = 0
    models: dict[str, int] = {}


class ModelUse(msgspec.Struct):
    model_id: str
    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


class ToolUse(msgspec.Struct):
    name: str
    count: int


class PeriodUsage(msgspec.Struct):
    """The days of a period, and the sums over all of them."""

    days: list[Day]
    messages: int
    user_messages: int
    assistant_messages: int
    active_days: int
    top_models: list[ModelUse]


def get_timezone(name: str | None) -> datetime.tzinfo:
    """Return the time zone with this name; UTC where it is missing or unknown."""
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def to_local_time(at: float, tz: datetime.tzinfo) -> datetime.datetime:
    """Return the local time of a message's time (seconds or milliseconds); an implausible time counts as now."""
    now = time.time()
    seconds = at / 1000 if at > 10_000_000_000 else at
    return datetime.datetime.fromtimestamp(seconds if _EARLIEST <= seconds <= now + 86400 else now, tz)


def sum_period(slots: Iterable[UsageSlot], start: int, end: int, tz: datetime.tzinfo) -> PeriodUsage:
    """Sum up the period from `start` to `end` (Unix time), with each of its days in this time zone."""
    days: dict[str, Day] = {}
    chats: dict[str, set[str]] = {}
    models: dict[str, ModelUse] = {}
    roles: Counter[str] = Counter()
    for slot in slots:
        # The first slot may begin before the period does.
        date = f"{to_local_time(max(slot.slot * SLOT, start), tz):%Y-%m-%d}"
        day = days.setdefault(date, Day(date))
        day.messages += slot.messages
        day.tokens += slot.input_tokens + slot.output_tokens
        chats.setdefault(date, set()).add(slot.chat_id)
        roles[slot.role] += slot.messages
        if slot.role == "assistant" and slot.model_id:
            day.models[slot.model_id] = day.models.get(slot.model_id, 0) + slot.messages
        if slot.role == "assistant" and slot.model_id is not None:
            model = models.setdefault(slot.model_id, ModelUse(slot.model_id))
            model.messages += slot.messages
            model.input_tokens += slot.input_tokens
            model.output_tokens += slot.output_tokens
            model.total_tokens += slot.input_tokens + slot.output_tokens
    for date, chat_ids in chats.items():
        days[date].chats = len(chat_ids)
    active_days = len(days)
    for date in _iterate_dates(start, end, tz):
        days.setdefault(date, Day(date))
    return PeriodUsage(
        days=[days[date] for date in sorted(days)],
        messages=roles.total(),
        user_messages=roles["user"],
        assistant_messages=roles["assistant"],
        active_days=active_days,
        top_models=sorted(models.values(), key=lambda model: -model.messages)[:TOP],
    )


def _iterate_dates(start: int, end: int, tz: datetime.tzinfo) -> Iterator[str]:
    date, last = to_local_time(start, tz).date(), to_local_time(end, tz).date()
    while date <= last:
        yield date.isoformat()
        date += datetime.timedelta(days=1)


def _add_day(total: Day, day: Day) -> None:
    """Add a day to a sum, in place."""
    total.messages += day.messages
    total.chats += day.chats
    total.tokens += day.tokens
    for model, count in day.models.items():
        total.models[model] = total.models.get(model, 0) + count


def sum_weeks(days: list[Day]) -> list[Day]:
    """Sum up the days by week; the date of a week is its Monday."""
    weeks: dict[str, Day] = {}
    for day in days:
        date = datetime.date.fromisoformat(day.date)
        monday = (date - datetime.timedelta(days=date.weekday())).isoformat()
        _add_day(weeks.setdefault(monday, Day(monday)), day)
    return [weeks[monday] for monday in sorted(weeks)]


def accumulate_days(days: list[Day]) -> list[Day]:
    """Return, for each day, the sum of all days up to it."""
    totals: list[Day] = []
    total = Day("")
    for day in days:
        _add_day(total, day)
        totals.append(Day(day.date, total.messages, total.chats, total.tokens, dict(total.models)))
    return totals


def measure_streaks(days: list[Day]) -> tuple[int, int]:
    """Return the current and the longest number of consecutive days with messages."""
    current = longest = 0
    for day in days:
        current = current + 1 if day.messages else 0
        longest = max(longest, current)
    return current, longest


def count_tools(messages: Iterable[tuple[str | None, str | None]]) -> list[ToolUse]:
    """Return the most called tools; each message is its output and its meta, as JSON text."""
    counts: Counter[str] = Counter()
    for texts in messages:
        for text in texts:
            if text:
                counts.update(_iterate_tool_names(msgspec.json.decode(text)))
    return [ToolUse(name, count) for name, count in counts.most_common(TOP)]


def _iterate_tool_names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _iterate_tool_names(item)
    elif isinstance(value, dict):
        kind = str(value.get("type") or "")
        if "tool" in kind or kind in ("function_call", "function_call_output"):
            function = value.get("function")
            names = (value.get("name") or value.get("tool_name"), _as_object(function).get("name"))
            yield from (name.strip() for name in names if isinstance(name, str) and 0 < len(name.strip()) <= 128)
        for key in _NESTED:
            if key in value:
                yield from _iterate_tool_names(value[key])


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
