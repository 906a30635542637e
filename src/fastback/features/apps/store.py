"""SQL of apps: rows of `app`, and the channel memberships of apps."""

from __future__ import annotations

import time

import msgspec

from fastback.features.apps.schemas import App
from fastback.kit.db import Database, Executor
from fastback.kit.storable_text import encode_json

LIST_APPS = "SELECT id, slug, name, is_active, data, api_key, created_at, updated_at FROM app ORDER BY name"

FIND_APP = "SELECT id, slug, name, is_active, data, api_key, created_at, updated_at FROM app WHERE id = :id"

LIST_NAMES = "SELECT id, name FROM app WHERE id = ANY(:ids)"

INSERT_APP = """
    INSERT INTO app (id, slug, name, is_active, data, api_key, created_at, updated_at, user_id)
    VALUES (:id, :slug, :name, :is_active, :data, :api_key, :created_at, :updated_at, :user_id)"""

LIST_ACTIVE_IDS = "SELECT id FROM app WHERE is_active = TRUE"

#: Only a row that nothing else has changed since it was read.
REPLACE_APP = """
    UPDATE app SET is_active = :is_active, data = :data, updated_at = :updated_at
    WHERE id = :id AND updated_at = :read_at"""

UPDATE_APP = """
    UPDATE app SET name = :name, is_active = :is_active, data = :data, api_key = :api_key, updated_at = :updated_at
    WHERE id = :id"""

DEACTIVATE_MEMBERSHIPS = "UPDATE channel_member SET is_active = :is_active, left_at = :now WHERE app_id = :id"


class _AppName(msgspec.Struct):
    id: str
    name: str


async def list_apps(db: Database) -> list[App]:
    """Return all apps, by name."""
    return await db.fetch_all(App, "app.list", LIST_APPS)


async def find_app(db: Executor, app_id: str) -> App | None:
    """Return an app, or None."""
    return await db.fetch_first(App, "app.find", FIND_APP, id=app_id)


async def list_connectable_ids(db: Database) -> list[str]:
    """Return the ids of the active apps."""
    return await db.fetch_all(str, "app.list_active_ids", LIST_ACTIVE_IDS)


async def list_names(db: Executor, app_ids: list[str]) -> dict[str, str]:
    """Return the names of apps by id; missing ones are absent."""
    return {row.id: row.name for row in await db.fetch_all(_AppName, "app.list_names", LIST_NAMES, ids=app_ids)}


def _encode_row(app: App) -> dict[str, object]:
    return msgspec.structs.asdict(app) | {"data": encode_json(app.data)}


async def insert_app(db: Executor, app: App, user_id: str) -> None:
    """Insert an app.

    Raises:
        IntegrityError: the slug is taken.
    """
    await db.execute("app.insert", INSERT_APP, **_encode_row(app), user_id=user_id)


async def update_app(db: Executor, app: App) -> None:
    """Write the columns of an app that can change."""
    values = {name: value for name, value in _encode_row(app).items() if name not in ("slug", "created_at")}
    await db.execute("app.update", UPDATE_APP, **values)


async def replace_app(db: Executor, app: App) -> App | None:
    """Write an app's data and whether it is active, and return it with its new time; None where it has changed."""
    changed = msgspec.structs.replace(app, updated_at=max(time.time_ns(), app.updated_at + 1))
    count = await db.execute(
        "app.replace",
        REPLACE_APP,
        id=app.id,
        is_active=changed.is_active,
        data=encode_json(changed.data),
        updated_at=changed.updated_at,
        read_at=app.updated_at,
    )
    return changed if count else None


async def deactivate_memberships(db: Executor, app_id: str, now: int) -> None:
    """End the app's membership in every channel; `now` is in nanoseconds."""
    await db.execute("app.deactivate_memberships", DEACTIVATE_MEMBERSHIPS, is_active=False, now=now, id=app_id)
