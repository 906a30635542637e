"""SQL of automations: rows of `automation` and `automation_run`."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fastback.kit.db import Executor
from fastback.kit.db.indexes import Index
from fastback.records.listing import escape_like, list_json_spellings

_COUNT = "SELECT count(*) FROM automation"
_LIST = """
    SELECT id, user_id, folder_id, name, data, meta, is_active, last_run_at, next_run_at, created_at, updated_at
    FROM automation"""

LIST_LAST_RUNS = """
    SELECT r.id, r.automation_id, r.chat_id, r.status, r.error, r.created_at
    FROM automation a JOIN automation_run r ON r.automation_id = a.id AND r.created_at = (
        SELECT max(l.created_at) FROM automation_run l WHERE l.automation_id = a.id)
    WHERE a.id = ANY(:ids)"""
#: The last run of an automation.
INDEX = Index(
    "fastback_automation_run_time",
    sqlite="ON automation_run (automation_id, created_at)",
    postgres="ON automation_run (automation_id, created_at)",
)


class Automation(msgspec.Struct):
    """A row of `automation`."""

    id: str
    user_id: str
    folder_id: str | None
    name: str
    data: msgspec.Raw
    meta: msgspec.Raw
    is_active: bool
    last_run_at: int | None
    next_run_at: int | None
    created_at: int
    updated_at: int


class AutomationRun(msgspec.Struct):
    """A row of `automation_run`."""

    id: str
    automation_id: str
    chat_id: str | None
    status: str
    error: str | None
    created_at: int


class AutomationFilter(msgspec.Struct, frozen=True):
    """Which automations of a user to list. `query` is searched in name and data; `is_active` None means both states."""

    user_id: str
    folder_id: str | None = None
    query: str | None = None
    is_active: bool | None = None


@lru_cache(128)
def _build_statements(has_folder: bool, spellings: int, is_active: bool | None) -> tuple[str, str]:
    """Return the statements that count and list a filter's matches.

    `spellings` is the number of spellings of the query inside JSON, 0 without a query.
    """
    conditions = ["user_id = :user_id"]
    if has_folder:
        conditions.append("folder_id = :folder_id")
    if spellings:
        matches = [f"lower(CAST(data AS TEXT)) LIKE lower(:data_{index}) ESCAPE '\\'" for index in range(spellings)]
        conditions.append(f"({' OR '.join(['lower(name) LIKE lower(:query)', *matches])})")
    if is_active is not None:
        conditions.append(f"is_active = {'TRUE' if is_active else 'FALSE'}")
    where = " AND ".join(conditions)
    return f"{_COUNT} WHERE {where}", f"{_LIST} WHERE {where} ORDER BY created_at DESC, id LIMIT :limit OFFSET :skip"


async def list_automations(
    db: Executor, criteria: AutomationFilter, *, limit: int, skip: int
) -> tuple[list[Automation], int]:
    """Return a page of the automations, newest first, and the number of all matches."""
    params: dict[str, object] = {"user_id": criteria.user_id}
    if criteria.folder_id:
        params["folder_id"] = criteria.folder_id
    spellings = list_json_spellings(criteria.query) if criteria.query else []
    if criteria.query:
        params["query"] = f"%{criteria.query}%"
        params |= {f"data_{index}": f"%{escape_like(spelling)}%" for index, spelling in enumerate(spellings)}
    count, listing = _build_statements(bool(criteria.folder_id), len(spellings), criteria.is_active)
    total = await db.fetch_value("automations.count", count, **params)
    automations = await db.fetch_all(Automation, "automations.list", listing, **params, limit=limit, skip=skip)
    return automations, int(total or 0)


async def list_last_runs(db: Executor, automation_ids: list[str]) -> list[AutomationRun]:
    """Return the last run of each automation that has run."""
    return await db.fetch_all(AutomationRun, "automations.list_last_runs", LIST_LAST_RUNS, ids=automation_ids)
