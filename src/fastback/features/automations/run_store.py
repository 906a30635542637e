"""Rows of `automation_run`: what the runs of automations have come to. Times are in nanoseconds."""

from __future__ import annotations

import uuid

from fastback.features.automations.schemas import RunResponse
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor
from fastback.kit.db.indexes import Index
from fastback.kit.storable_text import remove_unstorable

_COLUMNS = "r.id, r.automation_id, r.chat_id, r.status, r.error, r.created_at"

LIST_LAST_RUNS = f"""
    SELECT {_COLUMNS}
    FROM automation a JOIN automation_run r ON r.automation_id = a.id AND r.created_at = (
        SELECT max(l.created_at) FROM automation_run l WHERE l.automation_id = a.id)
    WHERE a.id = ANY(:ids)"""
LIST_RUNS = f"""
    SELECT {_COLUMNS} FROM automation_run r WHERE r.automation_id = :id
    ORDER BY r.created_at DESC, r.id LIMIT :limit OFFSET :skip"""
LIST_RUNS_OF_USER = f"""
    SELECT {_COLUMNS}, a.name
    FROM automation a JOIN automation_run r ON r.automation_id = a.id
    WHERE a.user_id = :user_id AND r.created_at >= :start AND r.created_at < :end
    ORDER BY r.created_at DESC, r.id LIMIT :limit"""
INSERT_RUN = """
    INSERT INTO automation_run (id, automation_id, chat_id, status, error, created_at)
    SELECT :id, a.id, :chat_id, :status, :error, :now FROM automation a WHERE a.id = :automation_id"""
DELETE_RUNS = "DELETE FROM automation_run WHERE automation_id = :id"
#: The last runs of an automation.
INDEX = Index(
    "fastback_automation_run_time",
    sqlite="ON automation_run (automation_id, created_at)",
    postgres="ON automation_run (automation_id, created_at)",
)


class NamedRun(RunResponse):
    """A run with the name of its automation."""

    name: str


async def list_last_runs(db: Executor, automation_ids: list[str]) -> list[RunResponse]:
    """Return the last run of each automation that has run."""
    return await db.fetch_all(RunResponse, "automations.list_last_runs", LIST_LAST_RUNS, ids=automation_ids)


async def list_runs(db: Database, automation_id: str, *, skip: int, limit: int) -> list[RunResponse]:
    """Return a page of the runs of an automation, last first."""
    return await db.fetch_all_in_thread(
        RunResponse, "automations.list_runs", LIST_RUNS, id=automation_id, skip=skip, limit=limit
    )


async def list_runs_of_user(db: Database, user_id: str, *, start: int, end: int, limit: int) -> list[NamedRun]:
    """Return the runs of a user's automations between two times, last first."""
    return await db.fetch_all_in_thread(
        NamedRun,
        "automations.list_runs_of_user",
        LIST_RUNS_OF_USER,
        user_id=user_id,
        start=start,
        end=end,
        limit=limit,
    )


async def insert_run(
    db: Executor, automation_id: str, status: str, *, chat_id: str | None = None, error: str | None = None
) -> None:
    """Insert a run of now; nothing happens where its automation was deleted meanwhile."""
    await db.execute(
        "automations.insert_run",
        INSERT_RUN,
        id=str(uuid.uuid4()),
        automation_id=automation_id,
        chat_id=chat_id,
        status=status,
        error=None if error is None else remove_unstorable(error),
        now=clock.time_ns(),
    )


async def delete_runs(tx: Executor, automation_id: str) -> None:
    """Delete the runs of an automation."""
    await tx.execute("automations.delete_runs", DELETE_RUNS, id=automation_id)
