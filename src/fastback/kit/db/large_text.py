"""Store and read texts of megabytes in a row; the server's memory never holds one of them.

SQLite copies a large row several times when it changes, so the statement runs in a process of its own
(`large_text_worker`). PostgreSQL takes and gives the text in slices, as a large object.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from fastback.kit.db.database import Database
from fastback.kit.db.errors import DatabaseError, restore_error
from fastback.kit.db.large_objects import create_object, read_object, remove_object
from fastback.kit.db.query import compile_statement
from fastback.kit.db.statement_timings import record_timing
from fastback.kit.large_json import SLICE_SIZE
from fastback.kit.workers.errors import WorkerDied

if TYPE_CHECKING:
    from fastback.kit.db.sqlite import SqliteDatabase


async def execute_with_files(
    db: Database, name: str, text: str, files: Mapping[str, str | Path], /, **params: Any
) -> int:
    """Run a statement on rows with megabytes of text and return the number of rows that it changed.

    `files` are parameters whose value is the text in a file, in UTF-8.

    Raises:
        DatabaseError: the statement fails.
    """
    if db.dialect == "sqlite":
        return await _run_in_worker(db, name, text, params, files, None)
    if not files:
        return await db.execute_in_thread(name, text, **params)
    async with db.transaction(long=True) as tx:
        for parameter, path in files.items():
            params[parameter] = await create_object(tx, _read_file(path))
            text = re.sub(rf"(?<!:):{parameter}\b", f"convert_from(lo_get(:{parameter}), 'UTF8')", text)
        changed = await tx.execute(name, text, **params)
        for parameter in files:
            await remove_object(tx, params[parameter])
    return changed


async def fetch_into_file(db: Database, name: str, text: str, target: str | Path, /, **params: Any) -> bool:
    """Write the only column of the only row that a statement selects into a file, in UTF-8.

    Returns whether there is a row whose text is not NULL; otherwise the file is not touched.

    Raises:
        DatabaseError: the statement fails.
    """
    if db.dialect == "sqlite":
        return await _run_in_worker(db, name, text, params, {}, target) > 0
    to_object = f"SELECT lo_from_bytea(0, convert_to(x.text, 'UTF8')) FROM ({text}) AS x(text) WHERE x.text IS NOT NULL"
    async with db.transaction(long=True) as tx:
        oid = await tx.fetch_value(name, to_object, **params)
        if oid is None:
            return False
        with open(target, "wb") as sink:
            async for content in read_object(tx, oid):
                await asyncio.to_thread(sink.write, content)
        await remove_object(tx, oid)
    return True


async def _run_in_worker(
    db: Database,
    name: str,
    text: str,
    params: dict[str, Any],
    files: Mapping[str, str | Path],
    target: str | Path | None,
) -> int:
    # Without the database's lock: no statement of the server waits while the process starts. SQLite itself decides who
    # writes.
    sqlite = cast("SqliteDatabase", db)
    job = {
        "path": sqlite.path,
        "pragmas": sqlite.pragmas,
        "busy_timeout": sqlite.busy_timeout,
        "name": name,
        "statement": compile_statement(text).sqlite,
        "params": params,
        "files": {parameter: str(path) for parameter, path in files.items()},
        "target": None if target is None else str(target),
    }
    started = perf_counter()
    try:
        result = await sqlite.large_text_workers.run_job(job)
    except WorkerDied as error:
        raise DatabaseError(f"{name}: {error}") from error
    finally:
        record_timing(name, perf_counter() - started)
    if "error" in result:
        failure = restore_error(result["error"], result["text"])
        sqlite.disk_space.report_failure(failure)
        raise failure
    return int(result["changed"])


async def _read_file(path: str | Path) -> AsyncIterator[bytes]:
    with open(path, "rb") as source:
        while content := await asyncio.to_thread(source.read, SLICE_SIZE):
            yield content
