"""Create the reference's schema in an empty database; refuse a database with another revision."""

from __future__ import annotations

from importlib import resources

from fastback.kit.db.database import Database
from fastback.kit.db.errors import DatabaseError, RevisionError
from fastback.kit.db.table_copy.tables import NOTES

#: The Alembic revision of Open WebUI 0.12.4.
REVISION = "0bd252b206fb"

COUNT_TABLES = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name",
    "postgres": (
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = :name"
    ),
}
#: Let a process that starts at the same time wait until the schema is there as a whole.
LOCK_POSTGRES = "SELECT pg_advisory_xact_lock(731947211)"
FIND_REVISION = "SELECT version_num FROM alembic_version"


def read_schema(dialect: str) -> str:
    """Return the statements that create the schema in `sqlite` or `postgres`."""
    return resources.files("fastback.schema").joinpath(f"schema_{dialect}.sql").read_text()


async def has_table(db: Database, name: str) -> bool:
    """Return whether the database has the table."""
    return bool(await db.fetch_value("schema.has_table", COUNT_TABLES[db.dialect], name=name))


async def find_revision(db: Database) -> str | None:
    """Return the Alembic revision of the database, or None where it has none."""
    if not await has_table(db, "alembic_version"):
        return None
    version = await db.fetch_value("schema.revision", FIND_REVISION)
    return str(version) if version is not None else None


async def ensure_schema(db: Database, *, own_statements: list[str] | None = None) -> bool:
    """Create the schema in an empty database, or check its revision; return whether the schema was created.

    `own_statements` are idempotent and create tables and indexes of our own, all named `fastback_…`, which the
    reference ignores.

    Raises:
        RevisionError: the database has another revision; nothing was changed.
    """
    created = False
    if await find_revision(db) is None:
        if await has_table(db, NOTES):
            raise RevisionError("a migration into this database was interrupted: run fastback migrate again")
        has_tables = await has_table(db, "user") or await has_table(db, "chat")
        # Another process may have created the schema, as a whole, since the revision was looked for.
        if has_tables and await find_revision(db) is None:
            raise RevisionError(
                "this database has tables of Open WebUI but no schema revision: start Open WebUI 0.12.4 on it once, "
                "so that it brings the schema up to date"
            )
        created = await _create_schema(db)
    stored_revision = await find_revision(db)
    if stored_revision != REVISION:
        raise RevisionError(
            f"this database is at schema revision {stored_revision}, Fastback speaks {REVISION} (Open WebUI 0.12.4): "
            "start Open WebUI 0.12.4 on it once to bring it there, or use another database"
        )
    for statement in own_statements or []:
        try:
            await db.run_script(statement)
        except DatabaseError:  # another process may have created the same table at the same time
            await db.run_script(statement)
    return created


async def _create_schema(db: Database) -> bool:
    """Create the schema; return False where another process has created it at the same time."""
    text = read_schema(db.dialect) + f"\nINSERT INTO alembic_version (version_num) VALUES ('{REVISION}');\n"
    if db.dialect == "postgres":
        text = f"{LOCK_POSTGRES};\n{text}"
    try:
        await db.run_script(text)
    except DatabaseError:
        if await find_revision(db) is None:
            raise
        return False
    return True
