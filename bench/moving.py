"""`python -m bench.moving [--megabytes 1000] [--write]`: move and back up a large installation.

Measures seconds, also of the processor, and peak memory. Needs the PostgreSQL server of the tests
(`FASTBACK_TEST_POSTGRES`). The database has chats of 20 kB, messages, and three rows of 29 MB; a fifth of the size are
uploads that do not compress. `--write` writes the table to the docs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from bench.machine import describe_machine
from bench.report import write_section
from fastback.schema.tables import split_schema

_CHAT = 20_000
_LARGE = 29_000_000
_WORDS = [f"word{number}" for number in range(5_000)]


def _make_text(source: random.Random, length: int) -> str:
    return " ".join(source.choices(_WORDS, k=length // 9))[:length]


def _iterate_chats(source: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    supply = _make_text(source, 2_000_000)
    for number in range(count):
        start = source.randrange(len(supply) - _CHAT)
        body = json.dumps({"title": f"Chat {number}", "text": supply[start : start + _CHAT]})
        yield f"chat-{number:08}", f"user-{number % 500}", f"Chat {number}", body, "{}", False, number
    for number in range(3):
        yield f"large-{number}", "user-1", "Large", json.dumps({"text": "Ω" * (_LARGE // 6)}), "{}", False, number


def create_installation(data_dir: Path, megabytes: int) -> None:
    """Create a SQLite database and uploads with this size together."""
    source = random.Random(7)
    connection = apsw.Connection(str(data_dir / "webui.db"))
    for statement in ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=OFF", "BEGIN"):
        connection.execute(statement).fetchall()
    tables, completion = split_schema("sqlite")
    for statement in (*tables, *completion):
        connection.execute(statement)
    count = (megabytes * 800_000 - 3 * _LARGE) // (_CHAT + 3_000)
    connection.executemany(
        "INSERT INTO chat (id, user_id, title, chat, meta, archived, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        _iterate_chats(source, count),
    )
    text = json.dumps(_make_text(source, 800))
    connection.executemany(
        "INSERT INTO chat_message (id, chat_id, user_id, role, content, done, created_at) VALUES (?,?,?,?,?,?,?)",
        (
            (f"{number}-{step}", f"chat-{number:08}", "user-1", "user", text, True, number)
            for number in range(count)
            for step in range(3)
        ),
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.close()
    uploads = data_dir / "uploads"
    uploads.mkdir()
    for number in range(megabytes // 5):
        (uploads / f"file-{number}").write_bytes(source.randbytes(1_000_000))


def run_command(name: str, *arguments: str, **env: str) -> str:
    """Run a command, and return a row of the table: its seconds, those of a processor, and its peak memory."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-OO", "-m", "fastback", *arguments], env={**os.environ, **env})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{name} failed")
    seconds, processor = time.monotonic() - started, usage.ru_utime + usage.ru_stime
    row = f"| {name} | {seconds:.0f} | {processor:.0f} | {usage.ru_maxrss / 1024:.0f} |"
    print(row, flush=True)
    return row


async def _run_on_server(address: str, text: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(text)
    await connection.close()


def measure(megabytes: int) -> str:
    """Return the section of the page."""
    address = os.environ["FASTBACK_TEST_POSTGRES"]
    target = address.rsplit("/", 1)[0] + "/fastback_bench_moving"
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        data_dir = Path(folder, "data")
        data_dir.mkdir()
        create_installation(data_dir, megabytes)
        (Path(folder) / "passphrase").write_text("a passphrase of a benchmark")
        secret = ("--passphrase-file", f"{folder}/passphrase")
        env = {"DATABASE_URL": "", "ENABLE_OLLAMA_API": "false"}
        asyncio.run(_run_on_server(address, "DROP DATABASE IF EXISTS fastback_bench_moving"))
        asyncio.run(_run_on_server(address, "CREATE DATABASE fastback_bench_moving"))
        try:
            file = f"sqlite:///{data_dir}/webui.db"
            rows = [
                run_command("migrate, SQLite to PostgreSQL", "migrate", "--quiet", "--from", file, "--to", target),
                run_command(
                    *("migrate, PostgreSQL to SQLite", "migrate", "--quiet"),
                    *("--from", target, "--to", f"sqlite:///{folder}/copy.db"),
                ),
                run_command(
                    *("backup of SQLite", "backup", "--quiet", "--data-dir", str(data_dir), f"{folder}/plain"), **env
                ),
                run_command(
                    *("backup of SQLite, encrypted", "backup", "--quiet", "--data-dir", str(data_dir)),
                    *(f"{folder}/secret", *secret),
                    **env,
                ),
                run_command(
                    *("restore into SQLite, encrypted", "restore", "--quiet", f"{folder}/secret", *secret),
                    *("--data-dir", f"{folder}/restored"),
                    **env,
                ),
                run_command(
                    *("restore into PostgreSQL", "restore", "--quiet", "--overwrite", f"{folder}/plain"),
                    *("--data-dir", f"{folder}/restored-too"),
                    DATABASE_URL=target,
                ),
            ]
            size = sum(path.stat().st_size for path in data_dir.rglob("*") if path.is_file())
            archive = Path(folder, "plain").stat().st_size
        finally:
            asyncio.run(_run_on_server(address, "DROP DATABASE fastback_bench_moving WITH (FORCE)"))
    return "\n".join(
        [
            f"Machine: {describe_machine()}. An installation of {size / 1e6:.0f} MB, of which a fifth are uploads, "
            f"with three rows of 29 MB; its archive has {archive / 1e6:.0f} MB. Both sides are compared in each time.",
            "",
            "| command | seconds | processor (s) | peak memory (MB) |",
            "|---|--:|--:|--:|",
            *rows,
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    section = measure(arguments.megabytes)
    print(section)
    if arguments.write:
        write_section("## Moving and backing up", section)


if __name__ == "__main__":
    main()
