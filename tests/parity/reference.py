"""The reference, run for recording: one process, emptied between scenarios.

Its stored configuration lives in the database alone, so that deleting every row but those of the configuration, and
putting these back as they were, brings back the state after the start.
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
from parity.player import variables

_START_SECONDS = 240
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "false",
    "GLOBAL_LOG_LEVEL": "WARNING",
    "ENABLE_PERSISTENT_CONFIG": "true",
}
_LEFT_ALONE = ("alembic_version", "migratehistory")


@dataclass(frozen=True, slots=True)
class Reference:
    """Attributes: `seeded`: the rows of `config` after the start."""

    url: str
    data_dir: Path
    seeded: list[tuple[object, ...]]

    @property
    def database(self) -> Path:
        return self.data_dir / "webui.db"

    def empty(self) -> None:
        """Delete every row but the mark of the schema's version; the configuration is that after the start."""
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            for name in _tables(connection):
                if name not in _LEFT_ALONE:
                    connection.execute(f'DELETE FROM "{name}"')
            connection.executemany('INSERT INTO config ("key", value, updated_at) VALUES (?, ?, ?)', self.seeded)
            connection.commit()
        finally:
            connection.close()

    def dump(self) -> str:
        """The whole database as SQL."""
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            return "\n".join(connection.iterdump()) + "\n"
        finally:
            connection.close()

    def log_tail(self) -> str:
        """The last lines that it wrote."""
        return (self.data_dir / "reference.log").read_text(errors="replace")[-3000:]

    def version(self) -> str:
        with urllib.request.urlopen(f"{self.url}/api/version", timeout=10) as answer:
            return str(json.load(answer)["version"])


def _configuration(database: Path) -> list[tuple[object, ...]]:
    if not database.exists():
        return []  # it has another database
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute('SELECT "key", value, updated_at FROM config ORDER BY rowid').fetchall()
    finally:
        connection.close()


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [str(name) for (name,) in rows]


@contextmanager
def running(
    executable: str, data_dir: Path, upstream: str, more: Mapping[str, str] | None = None
) -> Iterator[Reference]:
    """The reference on a free port, with a data folder of its own; `more` are further variables.

    Raises:
        RuntimeError: it did not start; its log lies in the data folder.
    """
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env = {**kept, **_QUIET, **variables(upstream), "DATA_DIR": str(data_dir), **(more or {})}
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
            _wait(process, url)
            yield Reference(url, data_dir, _configuration(data_dir / "webui.db"))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(_START_SECONDS * 2):
        if process.poll() is not None:
            raise RuntimeError(f"the reference ended with {process.returncode}; see reference.log in its data folder")
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the reference did not become ready")
