"""Search of chats: what is found, in which order, by whom; before the index knows of a change and after."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import Person, Server, postgres_database, run_server
from fastback.features.chats.search import indexer, service
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.features.chats.search.service import ChatSearch
from fastback.kit.db import Database

SEARCH = "/api/v1/chats/search"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index follows at once, and what is searched first is little, so that a small library needs all ways."""
    monkeypatch.setattr(indexer, "PATIENCE", 0.05)
    monkeypatch.setattr(indexer, "PAUSE_AT_START", 0.0)
    monkeypatch.setattr(service, "WINDOW", 5)


async def settled(server: Server) -> None:
    """Wait until the index has followed."""
    following = server.services.get(ChatIndexer)
    for _ in range(1000):
        if following.is_settled:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the index does not follow")


def chat(title: str, *said: str, at: int = 1000, **more: Any) -> dict[str, Any]:
    """An item of an import: a chat with these messages."""
    messages: dict[str, Any] = {}
    parent = None
    for place, content in enumerate(said):
        key = f"m{place}"
        if parent is not None:
            messages[parent]["childrenIds"].append(key)
        role = "assistant" if place % 2 else "user"
        messages[key] = {"id": key, "parentId": parent, "childrenIds": [], "role": role, "content": content}
        parent = key
    document = {"title": title, "models": [], "history": {"messages": messages, "currentId": parent}}
    return {"chat": document, "created_at": at, "updated_at": at, **more}


async def bring(person: Person, *items: dict[str, Any]) -> list[str]:
    found = (await person.post("/api/v1/chats/import", {"chats": list(items)})).ok()
    return [one["id"] for one in found]


async def titles(person: Person, text: str, **query: Any) -> list[str]:
    return [one["title"] for one in (await person.get(SEARCH, text=text, **query)).ok()]


async def agree(server: Server, person: Person, cases: dict[str, list[str]]) -> None:
    """Each search finds these titles, now and when the index has followed."""
    before = {text: await titles(person, text) for text in cases}
    assert before == cases
    await settled(server)
    assert {text: await titles(person, text) for text in cases} == cases


async def test_words_are_found_inside_words_and_phrases_come_first(server: Server, ada: Person) -> None:
    await bring(
        ada,
        chat("Bread", "How do I bake rye bread?", "With SOURDOUGH.", at=100),
        chat("Apart", "Only rye here", "Nothing", "And bread there", at=200),
        chat("Rye", "A grain?", "Yes", at=300),
        chat("Äpfel", "Welche?", "Boskoop, GRÖẞER", at=400),
        chat("天气", "今天天气怎么样", at=500),
        chat("Code", "rename snake_case", "100% done", 'say "it\'s"', "a \\ b", at=600),
        chat("Plain", "rename snakeXcase", "1000 things", at=700),
    )
    await agree(
        server,
        ada,
        {
            "rye": ["Rye", "Apart", "Bread"],
            "RYE": ["Rye", "Apart", "Bread"],
            "rye bread": ["Bread", "Apart"],
            "bread rye": ["Apart", "Bread"],
            "ourdoug": ["Bread"],
            "äpfel": ["Äpfel"],
            "ÄPFEL": ["Äpfel"],
            "größer": ["Äpfel"],
            "天气": ["天气"],
            "样": ["天气"],
            "snake_case": ["Plain", "Code"],
            "100% done": ["Code"],
            '"it\'s"': ["Code", "Bread"],
            "\\": ["Code"],
            "ry": ["Rye", "Apart", "Bread"],
            "zz": [],
            "nowhere": [],
            "'; DROP TABLE chat; --": [],
        },
    )


async def test_filters_narrow_a_search(server: Server, ada: Person) -> None:
    outer = (await ada.post("/api/v1/folders/", {"name": "Side Dishes"})).ok()["id"]
    inner = (await ada.post("/api/v1/folders/", {"name": "Soups", "parent_id": outer})).ok()["id"]
    ids = await bring(
        ada,
        chat("Tagged", "stew", at=100, meta={"tags": ["cooking", "late_night"]}),
        chat("Half", "stew", at=200, meta={"tags": ["cooking"]}),
        chat("Pinned", "stew", at=300, pinned=True),
        chat("Archived", "stew", at=400, archived=True, meta={"tags": ["past"]}),
        chat("Filed", "stew", at=500, folder_id=outer),
        chat("Filed below", "stew", at=600, folder_id=inner),
        chat("Shared", "stew", at=700),
    )
    (await ada.post(f"/api/v1/chats/{ids[6]}/share")).ok()
    everything = ["Shared", "Filed below", "Filed", "Pinned", "Half", "Tagged"]
    await agree(
        server,
        ada,
        {
            "stew": everything,
            "tag:cooking": ["Half", "Tagged"],
            "tag:COOKING stew": ["Half", "Tagged"],
            "tag:cooking tag:late_night": ["Tagged"],
            "tag:cooking nothing": [],
            "tag:past": [],
            "tag:past archived:true": ["Archived"],
            "tag:none": ["Shared", "Filed below", "Filed", "Pinned"],
            "pinned:true stew": ["Pinned"],
            "pinned:false stew": [one for one in everything if one != "Pinned"],
            "archived:true": ["Archived"],
            "archived:true stew": ["Archived"],
            "archived:false": everything,
            "shared:true": ["Shared"],
            "shared:false stew": [one for one in everything if one != "Shared"],
            "folder:side_dishes stew": ["Filed below", "Filed"],
            "folder:soups": ["Filed below"],
            "folder:nowhere stew": [],
            "folder:side_dishes tag:none pinned:false shared:false archived:false stew": ["Filed below", "Filed"],
        },
    )


async def test_pages_hold_sixty_and_old_chats_are_found_too(server: Server, ada: Person) -> None:
    items = [chat(f"Chat {n:03}", f"number {n} of many", at=1000 + n) for n in range(200)]
    items[3]["chat"]["history"]["messages"]["m0"]["content"] = "a rare quetzal, 少"
    await bring(ada, *items)
    for _ in range(2):
        pages = [await titles(ada, "of many", page=page) for page in (1, 2, 3, 4, 5)]
        assert [len(page) for page in pages] == [60, 60, 60, 19, 0]
        assert [one for page in pages for one in page] == [f"Chat {n:03}" for n in reversed(range(200)) if n != 3]
        assert await titles(ada, "quetzal") == await titles(ada, "少") == ["Chat 003"]
        assert await titles(ada, "rare quetzal a") == ["Chat 003"]
        assert await titles(ada, "q") == ["Chat 003"]
        await settled(server)
    assert await titles(ada, " ".join(f"word{n}" for n in range(3000))) == []
    (await ada.get(SEARCH, text="x", page="one")).refused(422)
    (await ada.get(SEARCH)).refused(422)


async def test_nobody_finds_the_chats_of_others(server: Server, ada: Person, bob: Person, anonymous: Person) -> None:
    await bring(ada, chat("Secret", "the treasure is here", meta={"tags": ["hidden"]}))
    for _ in range(2):
        assert await titles(ada, "treasure") == ["Secret"]
        assert (
            await titles(bob, "treasure")
            == await titles(bob, "tag:hidden")
            == await titles(bob, "archived:false")
            == []
        )
        await settled(server)
    (await anonymous.get(SEARCH, text="treasure")).refused(401)


async def test_a_search_follows_every_change_at_once(server: Server, ada: Person) -> None:
    (one,) = await bring(ada, chat("Before", "an old word", "its answer"))
    await settled(server)
    (await ada.post(f"/api/v1/chats/{one}", {"chat": {"title": "Afterwards"}})).ok()
    assert await titles(ada, "before") == [] and await titles(ada, "afterwards") == ["Afterwards"]
    await settled(server)
    assert await titles(ada, "before") == [] and await titles(ada, "afterwards") == ["Afterwards"]
    (await ada.post(f"/api/v1/chats/{one}/messages/m0", {"content": "a fresh word"})).ok()
    assert await titles(ada, "old word") == [] and await titles(ada, "fresh") == ["Afterwards"]
    await settled(server)
    assert await titles(ada, "old word") == [] and await titles(ada, "fresh") == ["Afterwards"]
    (await ada.delete(f"/api/v1/chats/{one}/messages/m1")).ok()
    assert await titles(ada, "its answer") == []
    await settled(server)
    assert await titles(ada, "its answer") == []
    (await ada.post(f"/api/v1/chats/{one}/archive")).ok()
    assert await titles(ada, "fresh") == [] and await titles(ada, "fresh archived:true") == ["Afterwards"]
    (await ada.delete(f"/api/v1/chats/{one}")).ok()
    assert await titles(ada, "fresh archived:true") == []


async def test_a_search_follows_tags_and_forgets_those_that_nobody_carries(server: Server, ada: Person) -> None:
    (one,) = await bring(ada, chat("Marked", "text"))
    await settled(server)
    (await ada.post(f"/api/v1/chats/{one}/tags", {"name": "Night Shift"})).ok()
    assert await titles(ada, "tag:night_shift") == ["Marked"] and await titles(ada, "tag:none") == []
    await settled(server)
    assert await titles(ada, "tag:night_shift") == ["Marked"] and await titles(ada, "tag:none") == []
    database = server.services.get(Database)
    insert = "INSERT INTO tag (id, name, user_id) VALUES ('idle', 'Idle', :user_id)"
    await database.execute("test.tag", insert, user_id=ada.id)
    assert await titles(ada, "tag:idle and more") == []
    assert {tag["id"] for tag in (await ada.get("/api/v1/chats/all/tags")).ok()} == {"idle", "night_shift"}
    assert await titles(ada, "tag:idle") == []
    assert [tag["id"] for tag in (await ada.get("/api/v1/chats/all/tags")).ok()] == ["night_shift"]


async def test_a_piece_of_the_message_shows_what_was_found(server: Server, ada: Person) -> None:
    long = "before " * 60 + "the Needle  is\nhere " + "after " * 60
    await bring(ada, chat("Needle", "x", at=100), chat("Long", "nothing", long, at=200))
    found = (await ada.get(SEARCH, text="needle")).ok()
    assert [(one["title"], one["snippet"] is None) for one in found] == [("Long", False), ("Needle", True)]
    piece = found[0]["snippet"]
    assert "the Needle is here" in piece and piece.startswith("...") and piece.endswith("...") and len(piece) < 210
    assert set(found[0]) == {
        "id", "title", "updated_at", "created_at", "last_read_at", "snippet", "active", "archived",
    }  # fmt: skip


async def test_pictures_are_no_text(server: Server, ada: Person) -> None:
    await bring(ada, chat("Picture", "see ![it](data:image/png;base64,iVBORw0KGgoAAAANS) there"))
    await agree(server, ada, {"KGgoAAAA": [], "see": ["Picture"], ") there": ["Picture"], "image/png": ["Picture"]})


async def test_deleted_chats_leave_the_index(server: Server, ada: Person, bob: Person) -> None:
    ids = await bring(ada, chat("One", "alpha"), chat("Two", "beta"))
    await bring(bob, chat("His", "gamma"))
    await settled(server)
    tables = server.services.get(ChatSearch).tables

    async def known() -> list[str]:
        return await tables.fetch_all_in_thread(
            str, "test.known", "SELECT title FROM fastback_search_chat ORDER BY title"
        )

    assert await known() == ["His", "One", "Two"]
    (await ada.delete(f"/api/v1/chats/{ids[0]}")).ok()
    await settled(server)
    assert await known() == ["His", "Two"]
    (await ada.delete("/api/v1/chats/")).ok()
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    await settled(server)
    assert await known() == []
    assert await tables.fetch_all_in_thread(str, "test.tags", "SELECT tag FROM fastback_search_tag") == []


async def test_searches_go_on_without_an_index(server: Server, ada: Person) -> None:
    await bring(ada, chat("One", "alpha and omega", at=1), chat("Two", "alpha", at=2, meta={"tags": ["kept"]}))
    await settled(server)
    server.services.get(ChatSearch)._index.ready = False
    assert await titles(ada, "alpha") == ["Two", "One"]
    assert await titles(ada, "omega alpha") == ["One"]
    assert await titles(ada, "tag:kept") == ["Two"] and await titles(ada, "tag:none") == ["One"]


@asynccontextmanager
async def _place(database: str, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Variables of a server that may be started several times on one database."""
    if database == "postgres":
        async with postgres_database() as url:
            yield {"DATABASE_URL": url, "ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    else:
        yield {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}


async def _behind_our_back(env: dict[str, str], tmp_path: Path, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Another program changes the database; `?` stands for parameters."""
    if "DATABASE_URL" in env:
        import asyncpg

        connection = await asyncpg.connect(env["DATABASE_URL"])
        for text, values in statements:
            parts = text.split("?")
            numbered = "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], 1)) + parts[-1]
            await connection.execute(numbered, *values)
        await connection.close()
    else:
        with sqlite3.connect(tmp_path / "webui.db") as other:
            for text, values in statements:
                other.execute(text, values)
        other.close()


async def test_what_another_program_wrote_meanwhile_is_found(database: str, tmp_path: Path) -> None:
    async with _place(database, tmp_path) as env:
        async with run_server(env, tmp_path, database) as server:
            ada = await server.sign_up("Ada")
            ids = await bring(
                ada,
                chat("Renamed", "first", at=100),
                chat("Rewritten", "second", at=200),
                chat("Gone", "third", at=300),
                chat("Labelled", "fourth", at=400),
                chat("Still", "fifth", at=500),
            )
            await settled(server)
        new = json.dumps(chat("New", "sixth arrival")["chat"])
        rewritten = json.dumps(chat("Rewritten", "other words")["chat"])
        columns = "id, user_id, title, chat, created_at, updated_at, archived, pinned, meta"
        values = ("11111111-2222-4333-8444-555555555555", ada.id, "New", new, 150, 150, False, False, "{}")
        labelled = '{"tags": ["fresh"]}'
        await _behind_our_back(
            env,
            tmp_path,
            [
                ("UPDATE chat SET title = 'Named anew' WHERE id = ?", (ids[0],)),
                ("UPDATE chat SET chat = ? WHERE id = ?", (rewritten, ids[1])),
                ("DELETE FROM chat WHERE id = ?", (ids[2],)),
                ("UPDATE chat SET meta = ? WHERE id = ?", (labelled, ids[3])),
                (f"INSERT INTO chat ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values),
            ],
        )
        async with run_server(env, tmp_path, database) as server:
            again = Person(server.url, ada.token, ada.account)
            server.people.append(again)
            cases = {
                "named anew": ["Named anew"],
                "renamed": [],
                "second": [],
                "other words": ["Rewritten"],
                "third": [],
                "tag:fresh": ["Labelled"],
                "sixth": ["New"],
                "fifth": ["Still"],
            }
            await agree(server, again, cases)
            # While both run: what is known to be old is not shown, what has a new time is found.
            await _behind_our_back(
                env,
                tmp_path,
                [
                    ("UPDATE chat SET title = 'Other' WHERE id = ?", (ids[0],)),
                    ("UPDATE chat SET title = 'Latest', updated_at = ? WHERE id = ?", (4_000_000_000, ids[3])),
                ],
            )
            assert await titles(again, "named anew") == []
            assert await titles(again, "latest") == ["Latest"]


async def test_the_index_is_as_private_as_the_database(tmp_path: Path) -> None:
    (tmp_path / "webui.db").touch(mode=0o600)
    async with run_server({"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}, tmp_path, "sqlite") as server:
        await server.sign_up("Ada")
        await settled(server)
        assert (tmp_path / "webui.fastback_search.db").stat().st_mode & 0o777 == 0o600


async def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    env = {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    async with run_server(env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        await bring(ada, chat("Kept", "words"))
        await settled(server)
    index = tmp_path / "webui.fastback_search.db"
    assert index.exists()
    index.write_bytes(b"this is no database" * 1000)
    async with run_server(env, tmp_path, "sqlite") as server:
        again = Person(server.url, ada.token, ada.account)
        server.people.append(again)
        await agree(server, again, {"words": ["Kept"]})


async def test_an_index_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "webui.fastback_search.db").mkdir()
    env = {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    async with run_server(env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        await bring(ada, chat("Kept", "words", meta={"tags": ["one"]}))
        assert await titles(ada, "words") == await titles(ada, "tag:one") == ["Kept"]


async def test_documents_that_are_no_documents_spoil_nothing(server: Server, ada: Person) -> None:
    ids = await bring(ada, chat("Whole", "words", at=1), chat("Odd", "words", at=2), chat("Bare", "words", at=3))
    database = server.services.get(Database)
    odd = '{"history": {"messages": {"a": "text", "b": {"content": 5}, "c": {"content": [{"text": "parts"}]}}}}'
    for chat_id, document in ((ids[1], odd), (ids[2], "null")):
        text = "UPDATE chat SET chat = :chat, updated_at = 2000000000 WHERE id = :id"
        await database.execute("test.odd", text, id=chat_id, chat=document)
    await agree(server, ada, {"words": ["Whole"], "odd": ["Odd"], "bare": ["Bare"], "parts": ["Odd"]})


async def test_one_search_over_everything_puts_titles_first(server: Server, ada: Person, bob: Person) -> None:
    await bring(
        ada,
        chat("Rye", "grain", at=100),
        chat("Rye bread", "baking", at=200),
        chat("Other", "has rye in it", at=300),
        chat("Away", "rye", at=400, archived=True),
    )
    for _ in range(2):
        found = (await ada.get("/api/v1/search", q="rye")).ok()
        assert [one["title"] for one in found["items"]] == ["Rye", "Rye bread", "Other"]
        assert found["items"][2]["snippet"] == "has rye in it" and found["has_more"] is False
        assert (await bob.get("/api/v1/search", q="rye")).ok()["items"] == []
        await settled(server)
    (await ada.get("/api/v1/search", q="x" * 501)).refused(422)
    (await ada.get("/api/v1/search", q="x", page=0)).refused(422)
