"""A database that Open WebUI 0.12.4 wrote opens here with all its records, and Open WebUI can still open it.

`tests/data/reference-0.12.4.sql` is the dump of one: an administrator (`ada@example.com`), two chats, one pinned, the
other labelled, shared and filed in a folder, an API key, a banner; two long texts of its configuration left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from conftest import Person, Server, run_server

DUMP = Path(__file__).parents[1] / "data" / "reference-0.12.4.sql"
API_KEY = "sk-ac20e445acb74e68ab3c96995ead51bc"


@pytest.fixture
async def inherited_server(tmp_path: Path) -> AsyncIterator[Server]:
    """Run a server on a database that Open WebUI wrote."""
    with sqlite3.connect(tmp_path / "webui.db") as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
    database.close()
    async with run_server({"WEBUI_SECRET_KEY": "x" * 40}, tmp_path, "sqlite") as server:
        yield server


async def _sign_in(server: Server) -> Person:
    body = {"email": "ada@example.com", "password": "correct horse"}
    account = (await server.stranger().post("/api/v1/auths/signin", body)).ok()
    person = Person(server.url, account["token"], account)
    server.people.append(person)
    return person


async def test_all_records_are_readable(inherited_server: Server) -> None:
    ada = await _sign_in(inherited_server)
    assert ada.account["role"] == "admin"
    folders = (await ada.get("/api/v1/folders/")).ok()
    assert [folder["name"] for folder in folders] == ["ref folder 1"]
    filed = (await ada.get(f"/api/v1/chats/folder/{folders[0]['id']}/list")).ok()
    pinned = (await ada.get("/api/v1/chats/pinned")).ok()
    assert ([entry["title"] for entry in filed], [entry["title"] for entry in pinned]) == (
        ["ref chat 1"],
        ["Pinned chat"],
    )
    chat = (await ada.get(f"/api/v1/chats/{filed[0]['id']}")).ok()
    messages = chat["chat"]["history"]["messages"]
    assert (messages["q1"]["content"], messages["a1"]["content"]) == ("hi ☕", "hello")
    assert [tag["name"] for tag in (await ada.get(f"/api/v1/chats/{chat['id']}/tags")).ok()] == ["Tag 1"]
    shared = (await ada.get(f"/api/v1/chats/share/{chat['share_id']}")).ok()
    assert shared["title"] == "ref chat 1"
    assert [banner["title"] for banner in (await ada.get("/api/v1/configs/banners")).ok()] == ["ref"]


async def test_its_api_key_stays_valid(inherited_server: Server) -> None:
    program = Person(inherited_server.url, API_KEY)
    inherited_server.people.append(program)
    assert [entry["title"] for entry in (await program.get("/api/v1/chats/pinned")).ok()] == ["Pinned chat"]
    stranger = Person(inherited_server.url, API_KEY[:-1] + "0")
    inherited_server.people.append(stranger)
    (await stranger.get("/api/v1/chats/pinned")).refused(401)


async def test_its_tables_keep_their_schema_and_rows(inherited_server: Server) -> None:
    ada = await _sign_in(inherited_server)
    chat = (await ada.get("/api/v1/chats/pinned")).ok()[0]
    (await ada.post(f"/api/v1/chats/{chat['id']}", {"chat": {"title": "Renamed here"}})).ok()
    expected = sqlite3.connect(":memory:")
    expected.executescript(DUMP.read_text(encoding="utf-8"))
    schema = (
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'fastback_%' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    )
    actual = apsw.Connection(str(inherited_server.data_dir / "webui.db"))
    assert actual.execute(schema).fetchall() == expected.execute(schema).fetchall()
    assert actual.execute("SELECT version_num FROM alembic_version").fetchall() == [("0bd252b206fb",)]
    assert (
        actual.execute("SELECT count(*) FROM chat").fetchone()
        == expected.execute("SELECT count(*) FROM chat").fetchone()
    )
    actual.close()
    expected.close()
