"""The database's schema: made at the reference's revision when empty, refused at any other."""

from __future__ import annotations

from importlib import resources

from fastback.kit.db.database import Database
from fastback.kit.db.errors import RevisionError

#: The Alembic revision of Open WebUI 0.12.4.
REVISION = "0bd252b206fb"

_TABLES = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name",
    "postgres": (
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = :name"
    ),
}


async def has_table(db: Database, name: str) -> bool:
    """Whether the table is there."""
    return bool(await db.fetch_value("schema.has_table", _TABLES[db.dialect], name=name))


async def find_revision(db: Database) -> str | None:
    """The revision stamped in the database, or None when it is empty."""
    if not await has_table(db, "alembic_version"):
        return None
    version = await db.fetch_value("schema.revision", "SELECT version_num FROM alembic_version")
    return str(version) if version is not None else None


async def ensure_schema(db: Database, *, own_statements: list[str] | None = None) -> bool:
    """Create the schema in an empty database, or check that it is the one we speak; whether it was created.

    `own` holds idempotent statements for tables and indexes of our own, all named `fastback_…`, which
    the reference ignores.

    Raises:
        RevisionError: the database is at another revision; nothing was touched.
    """
    stored_revision = await find_revision(db)
    created = False
    if stored_revision is None:
        if await has_table(db, "user") or await has_table(db, "chat"):
            raise RevisionError(
                "this database has tables of Open WebUI but no schema revision: start Open WebUI 0.12.4 on it once, "
                "so that it brings the schema up to date"
            )
        text = resources.files("fastback.schema").joinpath(f"schema_{db.dialect}.sql").read_text()
        await db.run_script(text + f"\nINSERT INTO alembic_version (version_num) VALUES ('{REVISION}');\n")
        created = True
    elif stored_revision != REVISION:
        raise RevisionError(
            f"this database is at schema revision {stored_revision}, Fastback speaks {REVISION} (Open WebUI 0.12.4): "
            "start Open WebUI 0.12.4 on it once to bring it there, or use another database"
        )
    for statement in own_statements or []:
        await db.run_script(statement)
    return created
