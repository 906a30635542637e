"""Rows of `automation`. Times are in nanoseconds."""

from __future__ import annotations

import uuid
from functools import lru_cache

import msgspec

from fastback.features.automations.schemas import Automation, AutomationForm
from fastback.kit.clock import clock
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json
from fastback.records.listing import escape_like, list_json_spellings

_COLUMNS = """a.id, a.user_id, a.folder_id, a.name, a.data, a.meta, a.is_active, a.last_run_at, a.next_run_at,
    a.created_at, a.updated_at"""
_COUNT = "SELECT count(*) FROM automation a"
_LIST = f"SELECT {_COLUMNS} FROM automation a"

FIND_AUTOMATION = f"SELECT {_COLUMNS} FROM automation a WHERE a.id = :id"
COUNT_OF_USER = "SELECT count(*) FROM automation WHERE user_id = :user_id"
LIST_ACTIVE = f"""
    SELECT {_COLUMNS} FROM automation a WHERE a.user_id = :user_id AND a.is_active = TRUE
        AND a.next_run_at IS NOT NULL
    ORDER BY a.created_at DESC, a.id LIMIT :limit"""
INSERT_AUTOMATION = """
    INSERT INTO automation (id, user_id, folder_id, name, data, meta, is_active, next_run_at, created_at, updated_at)
    VALUES (:id, :user_id, :folder_id, :name, :data, :meta, :is_active, :next_run_at, :now, :now)"""
UPDATE_AUTOMATION = """
    UPDATE automation SET name = :name, folder_id = :folder_id, data = :data, meta = :meta,
        is_active = COALESCE(CAST(:is_active AS BOOLEAN), is_active), next_run_at = :next_run_at, updated_at = :now
    WHERE id = :id"""
TOGGLE_AUTOMATION = """
    UPDATE automation SET is_active = NOT is_active,
        next_run_at = CASE WHEN is_active THEN NULL ELSE CAST(:next_run_at AS BIGINT) END, updated_at = :now
    WHERE id = :id"""
SET_LAST_RUN = "UPDATE automation SET last_run_at = :now WHERE id = :id"
CLEAR_FOLDER = "UPDATE automation SET folder_id = NULL, updated_at = :now WHERE id = :id AND folder_id = :folder_id"
DELETE_AUTOMATION = "DELETE FROM automation WHERE id = :id"


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


async def find_automation(db: Executor, automation_id: str) -> Automation | None:
    """Return an automation, or None."""
    return await db.fetch_first(Automation, "automations.find", FIND_AUTOMATION, id=automation_id)


async def count_automations(db: Executor, user_id: str) -> int:
    """Count the automations of a user."""
    return int(await db.fetch_value("automations.count_of_user", COUNT_OF_USER, user_id=user_id) or 0)


async def list_active(db: Executor, user_id: str, limit: int) -> list[Automation]:
    """Return the automations of a user that will run, newest first."""
    return await db.fetch_all(Automation, "automations.list_active", LIST_ACTIVE, user_id=user_id, limit=limit)


async def insert_automation(db: Executor, user_id: str, form: AutomationForm, next_run_at: int) -> str:
    """Insert an automation and return its id."""
    automation_id = str(uuid.uuid4())
    await db.execute(
        "automations.insert",
        INSERT_AUTOMATION,
        id=automation_id,
        user_id=user_id,
        folder_id=form.folder_id,
        name=form.name,
        data=encode_json(form.data),
        meta=encode_json(form.meta),
        is_active=form.is_active is not False,
        next_run_at=next_run_at,
        now=clock.time_ns(),
    )
    return automation_id


async def update_automation(db: Executor, automation_id: str, form: AutomationForm, next_run_at: int | None) -> None:
    """Replace the fields of an automation; it stays active or paused where the form does not say."""
    await db.execute(
        "automations.update",
        UPDATE_AUTOMATION,
        id=automation_id,
        name=form.name,
        folder_id=form.folder_id,
        data=encode_json(form.data),
        meta=encode_json(form.meta),
        is_active=form.is_active,
        next_run_at=next_run_at,
        now=clock.time_ns(),
    )


async def toggle_automation(db: Executor, automation_id: str, next_run_at: int | None) -> None:
    """Pause an active automation; resume a paused one, which runs next at `next_run_at`."""
    await db.execute(
        "automations.toggle", TOGGLE_AUTOMATION, id=automation_id, next_run_at=next_run_at, now=clock.time_ns()
    )


async def set_last_run(db: Executor, automation_id: str) -> None:
    """Note that an automation runs now."""
    await db.execute("automations.set_last_run", SET_LAST_RUN, id=automation_id, now=clock.time_ns())


async def clear_folder(db: Executor, automation_id: str, folder_id: str) -> None:
    """Take an automation out of a folder that is gone."""
    await db.execute(
        "automations.clear_folder", CLEAR_FOLDER, id=automation_id, folder_id=folder_id, now=clock.time_ns()
    )


async def delete_automation(tx: Executor, automation_id: str) -> bool:
    """Delete an automation without its runs; return whether there was one."""
    return await tx.execute("automations.delete", DELETE_AUTOMATION, id=automation_id) > 0
