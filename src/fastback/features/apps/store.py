"""Rows of `app`."""

from __future__ import annotations

import msgspec

from fastback.features.apps.schemas import App
from fastback.kit.db import Database, Executor

_COLUMNS = "id, slug, name, is_active, data, api_key, created_at, updated_at"


async def every(db: Database) -> list[App]:
    return await db.fetch_all(App, "app.every", f"SELECT {_COLUMNS} FROM app ORDER BY name")


async def get(db: Executor, app_id: str) -> App | None:
    return await db.fetch_first(App, "app.get", f"SELECT {_COLUMNS} FROM app WHERE id = :id", id=app_id)


def _row(app: App) -> dict[str, object]:
    return msgspec.structs.asdict(app) | {"data": msgspec.json.encode(app.data).decode()}


async def add(db: Executor, app: App, user_id: str) -> None:
    """Raises: IntegrityError, the slug is taken."""
    await db.execute(
        "app.add",
        f"""INSERT INTO app ({_COLUMNS}, user_id) VALUES
            (:id, :slug, :name, :is_active, :data, :api_key, :created_at, :updated_at, :user_id)""",
        **_row(app),
        user_id=user_id,
    )


async def update(db: Executor, app: App) -> None:
    """Write what may change of an app."""
    await db.execute(
        "app.update",
        """UPDATE app SET name = :name, is_active = :is_active, data = :data, api_key = :api_key,
           updated_at = :updated_at WHERE id = :id""",
        **{name: value for name, value in _row(app).items() if name not in ("slug", "created_at")},
    )


async def leave_channels(db: Executor, app_id: str, now: int) -> None:
    """Take an app out of every channel; `now` in nanoseconds."""
    await db.execute(
        "app.leave_channels",
        "UPDATE channel_member SET is_active = :gone, left_at = :now WHERE app_id = :id",
        gone=False,
        now=now,
        id=app_id,
    )
