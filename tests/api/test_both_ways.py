"""A database that Open WebUI 0.12.4 wrote opens here with everything in it, and stays one it can open.

`tests/data/reference-0.12.4.sql` is the dump of one: an administrator (`ada@example.com`), two chats, one pinned, the
other labelled, shared and filed in a folder, an API key, a banner; two long texts of its configuration left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conftest import Person, Server, run_server

DUMP = Path(__file__).parents[1] / "data" / "reference-0.12.4.sql"
API_KEY = "sk-ac20e445acb74e68ab3c96995ead51bc"


@pytest.fixture
async def heir(tmp_path: Path) -> AsyncIterator[Server]:
    """A server on the database that Open WebUI left."""
    with sqlite3.connect(tmp_path / "webui.db") as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
    database.close()
    async with run_server({"WEBUI_SECRET_KEY": "x" * 40}, tmp_path, "sqlite") as running:
        yield running


async def _sign_in(server: Server) -> Person:
    body = {"email": "ada@example.com", "password": "correct horse"}
    account = (await server.stranger().post("/api/v1/auths/signin", body)).ok()
    person = Person(server.url, account["token"], account)
    server.people.append(person)
    return person


async def test_everything_is_there(heir: Server) -> None:
    ada = await _sign_in(heir)
    assert ada.account["role"] == "admin"
    folders = (await ada.get("/api/v1/folders/")).ok()
    assert [one["name"] for one in folders] == ["ref folder 1"]
    filed = (await ada.get(f"/api/v1/chats/folder/{folders[0]['id']}/list")).ok()
    pinned = (await ada.get("/api/v1/chats/pinned")).ok()
    assert ([one["title"] for one in filed], [one["title"] for one in pinned]) == (["ref chat 1"], ["Pinned chat"])
    chat = (await ada.get(f"/api/v1/chats/{filed[0]['id']}")).ok()
    messages = chat["chat"]["history"]["messages"]
    assert (messages["q1"]["content"], messages["a1"]["content"]) == ("hi ☕", "hello")
    assert [one["name"] for one in (await ada.get(f"/api/v1/chats/{chat['id']}/tags")).ok()] == ["Tag 1"]
    shared = (await ada.get(f"/api/v1/chats/share/{chat['share_id']}")).ok()
    assert shared["title"] == "ref chat 1"
    assert [one["title"] for one in (await ada.get("/api/v1/configs/banners")).ok()] == ["ref"]


async def test_its_api_key_goes_on_counting(heir: Server) -> None:
    program = Person(heir.url, API_KEY)
    heir.people.append(program)
    assert [one["title"] for one in (await program.get("/api/v1/chats/pinned")).ok()] == ["Pinned chat"]
    stranger = Person(heir.url, API_KEY[:-1] + "0")
    heir.people.append(stranger)
    (await stranger.get("/api/v1/chats/pinned")).refused(401)


async def test_its_tables_stay_as_they_were(heir: Server) -> None:
    ada = await _sign_in(heir)
    chat = (await ada.get("/api/v1/chats/pinned")).ok()[0]
    (await ada.post(f"/api/v1/chats/{chat['id']}", {"chat": {"title": "Renamed here"}})).ok()
    expected = sqlite3.connect(":memory:")
    expected.executescript(DUMP.read_text(encoding="utf-8"))
    schema = (
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'fastback_%' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    )
    found = sqlite3.connect(heir.data_dir / "webui.db")
    assert found.execute(schema).fetchall() == expected.execute(schema).fetchall()
    assert found.execute("SELECT version_num FROM alembic_version").fetchall() == [("0bd252b206fb",)]
    assert (
        found.execute("SELECT count(*) FROM chat").fetchone()
        == expected.execute("SELECT count(*) FROM chat").fetchone()
    )
    found.close()
    expected.close()
