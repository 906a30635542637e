"""Prepared databases for tests: created once a run by a first start of the server, then copied.

The run's first process creates a folder and names it in `FASTBACK_TEST_PREPARED`; processes of pytest-xdist inherit
it. The first test that needs a database has it created in a separate process, which no test has changed; the other
tests wait for it. A `large` one has the content of `large_installation`.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import apsw

POSTGRES = os.environ.get("FASTBACK_TEST_POSTGRES", "")
_FOLDER = "FASTBACK_TEST_PREPARED"
#: Seconds without a new index after which a start has created all of them.
_QUIET = 0.3
_RELATIONS = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name LIKE 'fastback_%'",
    "postgres": "SELECT count(*) FROM pg_class WHERE relname LIKE 'fastback_%'",
}


def begin_run() -> None:
    """Create the folder of the run, unless another process of this run has done so."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="fastback_prepared_")


def end_run() -> None:
    """Remove the folder and the template databases."""
    if _get_path("postgres.lock").exists():
        asyncio.run(_drop_templates())
    shutil.rmtree(os.environ.pop(_FOLDER))


async def copy_sqlite(target: Path, *, large: bool = False) -> None:
    """Copy the prepared SQLite database to the path at which a server would create its own."""
    source = await asyncio.to_thread(_require_prepared, "sqlite", large=large)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


@asynccontextmanager
async def postgres_database(*, empty: bool = False, large: bool = False) -> AsyncIterator[str]:
    """Create a database on the tests' PostgreSQL server, yield its address and drop it at the end.

    With `empty` the database has no tables, and a server creates the schema itself.
    """
    import asyncpg

    name = f"fastback_{uuid.uuid4().hex[:12]}"
    if not empty:
        await asyncio.to_thread(_require_prepared, "postgres", large=large)
    admin = await asyncpg.connect(POSTGRES)
    try:
        if empty:
            await admin.execute(f"CREATE DATABASE {name}")
        else:
            # Copying files takes half the time of copying through the log when the server does not wait for the disk.
            strategy = " STRATEGY file_copy" if admin.get_server_version() >= (15,) else ""
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {_template_name(large)}{strategy}")
        try:
            yield _build_address(name)
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


def _build_address(name: str) -> str:
    return POSTGRES.rsplit("/", 1)[0] + f"/{name}"


def _get_path(name: str) -> Path:
    """Return the path of a file in the folder of the run."""
    return Path(os.environ[_FOLDER], name)


def _template_name(large: bool = False) -> str:
    """Return the name of a template database of the run."""
    return Path(os.environ[_FOLDER]).name + ("_large" if large else "")


def _require_prepared(dialect: str, *, large: bool = False) -> Path:
    """Return the file of a prepared database; create the database if it is missing.

    For PostgreSQL the file is empty and marks that the template database exists.
    """
    if large:
        _require_prepared(dialect)
    name = f"{dialect}_large" if large else dialect
    path = _get_path(name)
    if path.exists():
        return path
    with _hold_lock(_get_path(f"{name}.lock")):
        if not path.exists():
            program = [sys.executable, "-m", "prepared_database", name]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            subprocess.run(program, check=True, env=environment, timeout=300 if large else 100)
    return path


@contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def _drop_templates() -> None:
    import asyncpg

    admin = await asyncpg.connect(POSTGRES)
    try:
        for name in (_template_name(), _template_name(large=True)):
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await admin.close()


async def _prepare_sqlite(data_dir: Path) -> None:
    path = data_dir / "webui.db"
    await _start_once(data_dir, f"sqlite:///{path}")
    # A server that uses the write-ahead log switches it on; other servers do not change the journal mode.
    connection = apsw.Connection(str(path))
    connection.execute("DELETE FROM config; VACUUM; PRAGMA journal_mode=DELETE")
    connection.close()
    path.rename(_get_path("sqlite"))


async def _prepare_postgres(data_dir: Path) -> None:
    import asyncpg

    name = _template_name()
    admin = await asyncpg.connect(POSTGRES)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        await _start_once(data_dir, _build_address(name))
        connection = await asyncpg.connect(_build_address(name))
        await connection.execute("TRUNCATE config")
        await connection.close()
        # PostgreSQL does not copy a database that has connections.
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    finally:
        await admin.close()
    _get_path("postgres").touch()


async def _fill_sqlite(data_dir: Path) -> None:
    from large_installation import Installation, fill_sqlite

    path = data_dir / "webui.db"
    shutil.copyfile(_get_path("sqlite"), path)
    fill_sqlite(str(path), Installation())
    path.rename(_get_path("sqlite_large"))


async def _fill_postgres(data_dir: Path) -> None:
    import asyncpg

    from large_installation import Installation, fill_postgres

    name = _template_name(large=True)
    admin = await asyncpg.connect(POSTGRES)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {_template_name()}")
        await fill_postgres(_build_address(name), Installation())
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    finally:
        await admin.close()
    _get_path("postgres_large").touch()


async def _start_once(data_dir: Path, address: str) -> None:
    """Start all services on an empty database, and stop them when its indexes exist."""
    from fastback import app
    from fastback.kit.db.connect import connect
    from fastback.settings import Environment, ensure_secret_key, load_settings

    environment = Environment(
        {
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": address,
            "WEBUI_SECRET_KEY": "tests-secret-key-of-at-least-32-chars",
            "ENABLE_OPENAI_API": "false",
            "ENABLE_OLLAMA_API": "false",
            "ENABLE_VERSION_UPDATE_CHECK": "false",
        }
    )
    db = await connect(address)
    try:
        async with app.run_services(ensure_secret_key(load_settings(environment)), environment):
            count, quiet = -1, 0.0
            while quiet < _QUIET:
                await asyncio.sleep(0.05)
                existing = int(await db.fetch_value("tests.relations", _RELATIONS[db.dialect]))
                quiet = quiet + 0.05 if existing == count else 0.0
                count = existing
    finally:
        await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Prepare the database that a test run copies.")
    preparations = {
        "sqlite": _prepare_sqlite,
        "postgres": _prepare_postgres,
        "sqlite_large": _fill_sqlite,
        "postgres_large": _fill_postgres,
    }
    parser.add_argument("name", choices=preparations)
    prepare = preparations[parser.parse_args().name]
    with tempfile.TemporaryDirectory(dir=os.environ[_FOLDER]) as data_dir:
        asyncio.run(prepare(Path(data_dir)))


if __name__ == "__main__":
    main()
