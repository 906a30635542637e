"""What somebody has used, as the page "Usage" shows it: totals, days, weeks, models, tools."""

from __future__ import annotations

import datetime
import time
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fastback.features.users.usage_store import SLOT, Slot


class Day(msgspec.Struct):
    """A day (or the week that begins with it, or all days up to it)."""

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


class Days(msgspec.Struct):
    """A period, day by day, and what can be said of it as a whole."""

    days: list[Day]
    messages: int
    user_messages: int
    assistant_messages: int
    active_days: int
    top_models: list[ModelUse]


def zone(name: str | None) -> datetime.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


#: Times before this (2020) mean now, as in the reference, and so do times later than tomorrow.
_EARLIEST = 1_577_836_800


def moment(at: float, tz: datetime.tzinfo) -> datetime.datetime:
    now = time.time()
    seconds = at / 1000 if at > 10_000_000_000 else at
    return datetime.datetime.fromtimestamp(seconds if _EARLIEST <= seconds <= now + 86400 else now, tz)


TOP = 5


def days(slots: Iterable[Slot], start: int, end: int, tz: datetime.tzinfo) -> Days:
    """The period from `start` to `end` (seconds), each day of it in this time zone."""
    found: dict[str, Day] = {}
    chats: dict[str, set[str]] = {}
    models: dict[str, ModelUse] = {}
    roles: Counter[str] = Counter()
    for slot in slots:
        # The first slot may begin before the period does.
        date = f"{moment(max(slot.slot * SLOT, start), tz):%Y-%m-%d}"
        day = found.setdefault(date, Day(date))
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
    for date, ids in chats.items():
        found[date].chats = len(ids)
    active = len(found)
    for date in _dates(start, end, tz):
        found.setdefault(date, Day(date))
    return Days(
        days=[found[date] for date in sorted(found)],
        messages=roles.total(),
        user_messages=roles["user"],
        assistant_messages=roles["assistant"],
        active_days=active,
        top_models=sorted(models.values(), key=lambda one: -one.messages)[:TOP],
    )


def _dates(start: int, end: int, tz: datetime.tzinfo) -> Iterator[str]:
    date, last = moment(start, tz).date(), moment(end, tz).date()
    while date <= last:
        yield date.isoformat()
        date += datetime.timedelta(days=1)


def _add(total: Day, day: Day) -> None:
    total.messages += day.messages
    total.chats += day.chats
    total.tokens += day.tokens
    for model, count in day.models.items():
        total.models[model] = total.models.get(model, 0) + count


def weeks(days: list[Day]) -> list[Day]:
    """The weeks of these days, each named after its Monday."""
    found: dict[str, Day] = {}
    for day in days:
        date = datetime.date.fromisoformat(day.date)
        monday = (date - datetime.timedelta(days=date.weekday())).isoformat()
        _add(found.setdefault(monday, Day(monday)), day)
    return [found[monday] for monday in sorted(found)]


def cumulated(days: list[Day]) -> list[Day]:
    """Each day with all that was before it."""
    found: list[Day] = []
    total = Day("")
    for day in days:
        _add(total, day)
        found.append(Day(day.date, total.messages, total.chats, total.tokens, dict(total.models)))
    return found


def streaks(days: list[Day]) -> tuple[int, int]:
    """How many days with messages lie at the end without a gap, and how many at most anywhere."""
    run = longest = 0
    for day in days:
        run = run + 1 if day.messages else 0
        longest = max(longest, run)
    return run, longest


def tools(texts: Iterable[tuple[str | None, str | None]]) -> list[ToolUse]:
    """The tools that were called most, out of messages' output and meta."""
    counts: Counter[str] = Counter()
    for pair in texts:
        for text in pair:
            if text:
                counts.update(_names(msgspec.json.decode(text)))
    return [ToolUse(name, count) for name, count in counts.most_common(TOP)]


_NESTED = ("tool_calls", "tools", "output", "meta")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _names(one)
    elif isinstance(value, dict):
        kind = str(value.get("type") or "")
        if "tool" in kind or kind in ("function_call", "function_call_output"):
            function = value.get("function")
            named = (value.get("name") or value.get("tool_name"), _object(function).get("name"))
            yield from (one.strip() for one in named if isinstance(one, str) and 0 < len(one.strip()) <= 128)
        for key in _NESTED:
            if key in value:
                yield from _names(value[key])


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
