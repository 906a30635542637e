"""Automations that are due: find them, and claim each for one run. Times are in nanoseconds."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Executor
from fastback.kit.db.indexes import Index

FIND_NEXT_DUE = """
    SELECT a.next_run_at FROM automation a WHERE a.is_active = TRUE AND a.next_run_at IS NOT NULL
    ORDER BY a.next_run_at LIMIT 1"""
LIST_DUE = """
    SELECT a.id, a.data, a.next_run_at, u.timezone
    FROM automation a LEFT JOIN "user" u ON u.id = a.user_id
    WHERE a.is_active = TRUE AND a.next_run_at <= :now ORDER BY a.next_run_at LIMIT :limit"""
CLAIM = """
    UPDATE automation SET last_run_at = :now, next_run_at = :next_run_at
    WHERE id = :id AND next_run_at = :due_at AND is_active = TRUE"""
POSTPONE = """
    UPDATE automation SET next_run_at = :next_run_at
    WHERE id = :id AND next_run_at = :due_at AND is_active = TRUE"""
#: Paused automations may have a next run in the past; they are not in it.
INDEX = Index(
    "fastback_automation_due",
    sqlite="ON automation (next_run_at) WHERE is_active = TRUE AND next_run_at IS NOT NULL",
    postgres="ON automation (next_run_at) WHERE is_active = TRUE AND next_run_at IS NOT NULL",
)


class DueAutomation(msgspec.Struct):
    """An automation that is due, with the time zone of its owner."""

    id: str
    data: msgspec.Raw
    next_run_at: int
    timezone: str | None


async def find_next_due(db: Executor) -> int | None:
    """Return when the next automation is due; None where none will run."""
    due_at = await db.fetch_value("automations.find_next_due", FIND_NEXT_DUE)
    return None if due_at is None else int(due_at)


async def list_due(db: Executor, now: int, limit: int) -> list[DueAutomation]:
    """Return automations that are due, longest first."""
    return await db.fetch_all(DueAutomation, "automations.list_due", LIST_DUE, now=now, limit=limit)


async def claim(db: Executor, automation: DueAutomation, now: int, next_run_at: int | None) -> bool:
    """Set when an automation runs after this run; return False where another process has claimed or changed it."""
    params = {"id": automation.id, "due_at": automation.next_run_at, "next_run_at": next_run_at}
    return await db.execute("automations.claim", CLAIM, now=now, **params) > 0


async def postpone(db: Executor, automation: DueAutomation, next_run_at: int) -> None:
    """Let an automation be due later, without a run."""
    params = {"id": automation.id, "due_at": automation.next_run_at, "next_run_at": next_run_at}
    await db.execute("automations.postpone", POSTPONE, **params)
