"""Run the reference for recording: one process, whose database is emptied between scenarios.

The reference stores its configuration in the database alone. Deleting every row and restoring the rows of the
configuration therefore restores the state after the start.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastback.demo.process import find_free_port
from parity.player import environment_variables

_START_SECONDS = 240
_QUIET_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "false",
    "GLOBAL_LOG_LEVEL": "WARNING",
    "ENABLE_PERSISTENT_CONFIG": "true",
}
_LEFT_ALONE = ("alembic_version", "migratehistory")


@dataclass(frozen=True, slots=True)
class Reference:
    """A running reference.

    Attributes:
        seeded: the rows of `config` after the start.
    """

    url: str
    data_dir: Path
    seeded: list[tuple[object, ...]]

    @property
    def database(self) -> Path:
        return self.data_dir / "webui.db"

    def empty_database(self) -> None:
        """Delete every row except the schema's version, and restore the configuration after the start."""
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            for name in _list_tables(connection):
                if name not in _LEFT_ALONE:
                    connection.execute(f'DELETE FROM "{name}"')
            connection.executemany('INSERT INTO config ("key", value, updated_at) VALUES (?, ?, ?)', self.seeded)
            connection.commit()
        finally:
            connection.close()

    def dump_database(self) -> str:
        """Return the database as SQL."""
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            return "\n".join(connection.iterdump()) + "\n"
        finally:
            connection.close()

    def read_log_tail(self) -> str:
        """Return the last lines of the log."""
        return (self.data_dir / "reference.log").read_text(errors="replace")[-3000:]

    def read_version(self) -> str:
        with urllib.request.urlopen(f"{self.url}/api/version", timeout=10) as answer:
            return str(json.load(answer)["version"])


def _read_configuration(database: Path) -> list[tuple[object, ...]]:
    if not database.exists():
        return []  # the reference uses another database
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute('SELECT "key", value, updated_at FROM config ORDER BY rowid').fetchall()
    finally:
        connection.close()


def _list_tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [str(name) for (name,) in rows]


@contextmanager
def run_reference(
    executable: str, data_dir: Path, upstream: str, more: Mapping[str, str] | None = None
) -> Iterator[Reference]:
    """Run the reference on a free port, with its own data folder; `more` holds further environment variables.

    Raises:
        RuntimeError: it did not start; its log is in the data folder.
    """
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env = {
        **inherited,
        **_QUIET_VARIABLES,
        **environment_variables(upstream),
        "DATA_DIR": str(data_dir),
        **(more or {}),
    }
    with (data_dir / "reference.log").open("wb") as log:
        process = subprocess.Popen(
            [executable, "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=env,
            cwd=data_dir,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, url)
            yield Reference(url, data_dir, _read_configuration(data_dir / "webui.db"))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(_START_SECONDS * 2):
        if process.poll() is not None:
            raise RuntimeError(f"the reference ended with {process.returncode}; see reference.log in its data folder")
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the reference did not become ready")
