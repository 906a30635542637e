"""Download of the database, and formatting of code."""

from __future__ import annotations

import asyncio
import sqlite3
from importlib.util import find_spec

import pytest

from conftest import Person, Server

DOWNLOAD = "/api/v1/utils/db/download"
FORMAT = "/api/v1/utils/code/format"


async def test_a_copy_is_consistent_while_the_server_writes(ada: Person, server: Server) -> None:
    if server.database != "sqlite":
        (await ada.get(DOWNLOAD)).refused(400, "This feature is only available with SQLite databases.")
        return
    for number in range(20):
        (await ada.post("/api/v1/chats/new", {"chat": {"title": str(number), "text": "x" * 200_000}})).ok()

    async def write() -> None:
        for number in range(20):
            (await ada.post("/api/v1/chats/new", {"chat": {"title": f"late {number}", "text": "x" * 200_000}})).ok()

    writing = asyncio.create_task(write())
    reply = await ada.get(DOWNLOAD)
    await writing
    assert reply.status == 200
    assert reply.headers["content-disposition"] == 'attachment; filename="webui.db"'
    assert reply.headers["content-type"] == "application/octet-stream"
    path = server.data_dir / "copy.db"
    path.write_bytes(reply.body)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    titles = [title for (title,) in connection.execute("SELECT title FROM chat ORDER BY rowid")]
    connection.close()
    assert titles[:20] == [str(number) for number in range(20)]
    assert titles[20:] == [f"late {number}" for number in range(len(titles) - 20)]
    assert not list(server.data_dir.glob(".download-*"))


async def test_only_administrators_download_and_format(bob: Person, anonymous: Person) -> None:
    (await bob.get(DOWNLOAD)).refused(401)
    (await anonymous.get(DOWNLOAD)).refused(401)
    (await bob.post(FORMAT, {"code": "x=1"})).refused(401)


@pytest.mark.skipif(find_spec("black") is None, reason="Black is not installed")
async def test_code_is_formatted(ada: Person) -> None:
    assert (await ada.post(FORMAT, {"code": "x = {  'a':1 }"})).ok() == {"code": 'x = {"a": 1}\n'}
    assert (await ada.post(FORMAT, {"code": "x = 1\n"})).ok() == {"code": "x = 1\n"}
    assert "annot parse" in (await ada.post(FORMAT, {"code": "def f(:\n"})).refused(400)
