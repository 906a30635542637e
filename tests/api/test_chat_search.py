"""Search of chats: matches, their order, and who finds them; before the index has a change and after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from conftest import Person, Server, postgres_database, run_server
from fastback.features.chats.search import indexer, service
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.features.chats.search.service import ChatSearch
from fastback.kit.db import Database

SEARCH = "/api/v1/chats/search"


@pytest.fixture(autouse=True)
def follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index follow at once, and shrink the first search window, so that small data uses every search path."""
    monkeypatch.setattr(indexer, "PATIENCE", 0.05)
    monkeypatch.setattr(indexer, "PAUSE_AT_START", 0.0)
    monkeypatch.setattr(service, "WINDOW", 5)


async def wait_for_index(server: Server) -> None:
    """Wait until the index has caught up."""
    chat_indexer = server.services.get(ChatIndexer)
    for _ in range(1000):
        if chat_indexer.is_settled:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the index does not catch up")


def build_item(title: str, *contents: str, at: int = 1000, **more: Any) -> dict[str, Any]:
    """Return an item of an import: a chat with these messages."""
    messages: dict[str, Any] = {}
    parent = None
    for number, content in enumerate(contents):
        key = f"m{number}"
        if parent is not None:
            messages[parent]["childrenIds"].append(key)
        role = "assistant" if number % 2 else "user"
        messages[key] = {"id": key, "parentId": parent, "childrenIds": [], "role": role, "content": content}
        parent = key
    document = {"title": title, "models": [], "history": {"messages": messages, "currentId": parent}}
    return {"chat": document, "created_at": at, "updated_at": at, **more}


async def import_chats(person: Person, *items: dict[str, Any]) -> list[str]:
    chats = (await person.post("/api/v1/chats/import", {"chats": list(items)})).ok()
    return [chat["id"] for chat in chats]


async def search_titles(person: Person, text: str, **query: Any) -> list[str]:
    return [chat["title"] for chat in (await person.get(SEARCH, text=text, **query)).ok()]


async def assert_results(server: Server, person: Person, cases: dict[str, list[str]]) -> None:
    """Assert that each search finds these titles, now and after the index has caught up."""
    before = {text: await search_titles(person, text) for text in cases}
    assert before == cases
    await wait_for_index(server)
    assert {text: await search_titles(person, text) for text in cases} == cases


async def test_words_are_found_inside_words_and_phrases_come_first(server: Server, ada: Person) -> None:
    await import_chats(
        ada,
        build_item("Bread", "How do I bake rye bread?", "With SOURDOUGH.", at=100),
        build_item("Apart", "Only rye here", "Nothing", "And bread there", at=200),
        build_item("Rye", "A grain?", "Yes", at=300),
        build_item("Äpfel", "Welche?", "Boskoop, GRÖẞER", at=400),
        build_item("天气", "今天天气怎么样", at=500),
        build_item("Code", "rename snake_case", "100% done", 'say "it\'s"', "a \\ b", at=600),
        build_item("Plain", "rename snakeXcase", "1000 things", at=700),
    )
    await assert_results(
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
    ids = await import_chats(
        ada,
        build_item("Tagged", "stew", at=100, meta={"tags": ["cooking", "late_night"]}),
        build_item("Half", "stew", at=200, meta={"tags": ["cooking"]}),
        build_item("Pinned", "stew", at=300, pinned=True),
        build_item("Archived", "stew", at=400, archived=True, meta={"tags": ["past"]}),
        build_item("Filed", "stew", at=500, folder_id=outer),
        build_item("Filed below", "stew", at=600, folder_id=inner),
        build_item("Shared", "stew", at=700),
    )
    (await ada.post(f"/api/v1/chats/{ids[6]}/share")).ok()
    all_titles = ["Shared", "Filed below", "Filed", "Pinned", "Half", "Tagged"]
    await assert_results(
        server,
        ada,
        {
            "stew": all_titles,
            "tag:cooking": ["Half", "Tagged"],
            "tag:COOKING stew": ["Half", "Tagged"],
            "tag:cooking tag:late_night": ["Tagged"],
            "tag:cooking nothing": [],
            "tag:past": [],
            "tag:past archived:true": ["Archived"],
            "tag:none": ["Shared", "Filed below", "Filed", "Pinned"],
            "pinned:true stew": ["Pinned"],
            "pinned:false stew": [title for title in all_titles if title != "Pinned"],
            "archived:true": ["Archived"],
            "archived:true stew": ["Archived"],
            "archived:false": all_titles,
            "shared:true": ["Shared"],
            "shared:false stew": [title for title in all_titles if title != "Shared"],
            "folder:side_dishes stew": ["Filed below", "Filed"],
            "folder:soups": ["Filed below"],
            "folder:nowhere stew": [],
            "folder:side_dishes tag:none pinned:false shared:false archived:false stew": ["Filed below", "Filed"],
        },
    )


async def test_pages_hold_sixty_and_old_chats_are_found_too(server: Server, ada: Person) -> None:
    items = [build_item(f"Chat {n:03}", f"number {n} of many", at=1000 + n) for n in range(200)]
    items[3]["chat"]["history"]["messages"]["m0"]["content"] = "a rare quetzal, 少"
    await import_chats(ada, *items)
    for _ in range(2):
        pages = [await search_titles(ada, "of many", page=page) for page in (1, 2, 3, 4, 5)]
        assert [len(page) for page in pages] == [60, 60, 60, 19, 0]
        assert [title for page in pages for title in page] == [f"Chat {n:03}" for n in reversed(range(200)) if n != 3]
        assert await search_titles(ada, "quetzal") == await search_titles(ada, "少") == ["Chat 003"]
        assert await search_titles(ada, "rare quetzal a") == ["Chat 003"]
        assert await search_titles(ada, "q") == ["Chat 003"]
        await wait_for_index(server)
    assert await search_titles(ada, " ".join(f"word{n}" for n in range(3000))) == []
    (await ada.get(SEARCH, text="x", page="one")).refused(422)
    (await ada.get(SEARCH)).refused(422)


async def test_users_do_not_find_the_chats_of_others(
    server: Server, ada: Person, bob: Person, anonymous: Person
) -> None:
    await import_chats(ada, build_item("Secret", "the treasure is here", meta={"tags": ["hidden"]}))
    for _ in range(2):
        assert await search_titles(ada, "treasure") == ["Secret"]
        assert (
            await search_titles(bob, "treasure")
            == await search_titles(bob, "tag:hidden")
            == await search_titles(bob, "archived:false")
            == []
        )
        await wait_for_index(server)
    (await anonymous.get(SEARCH, text="treasure")).refused(401)


async def test_a_search_follows_every_change_at_once(server: Server, ada: Person) -> None:
    (chat_id,) = await import_chats(ada, build_item("Before", "an old word", "its answer"))
    await wait_for_index(server)
    (await ada.post(f"/api/v1/chats/{chat_id}", {"chat": {"title": "Afterwards"}})).ok()
    assert await search_titles(ada, "before") == [] and await search_titles(ada, "afterwards") == ["Afterwards"]
    await wait_for_index(server)
    assert await search_titles(ada, "before") == [] and await search_titles(ada, "afterwards") == ["Afterwards"]
    (await ada.post(f"/api/v1/chats/{chat_id}/messages/m0", {"content": "a fresh word"})).ok()
    assert await search_titles(ada, "old word") == [] and await search_titles(ada, "fresh") == ["Afterwards"]
    await wait_for_index(server)
    assert await search_titles(ada, "old word") == [] and await search_titles(ada, "fresh") == ["Afterwards"]
    (await ada.delete(f"/api/v1/chats/{chat_id}/messages/m1")).ok()
    assert await search_titles(ada, "its answer") == []
    await wait_for_index(server)
    assert await search_titles(ada, "its answer") == []
    (await ada.post(f"/api/v1/chats/{chat_id}/archive")).ok()
    assert await search_titles(ada, "fresh") == [] and await search_titles(ada, "fresh archived:true") == ["Afterwards"]
    (await ada.delete(f"/api/v1/chats/{chat_id}")).ok()
    assert await search_titles(ada, "fresh archived:true") == []


async def test_a_search_follows_tags_and_forgets_unused_tags(server: Server, ada: Person) -> None:
    (chat_id,) = await import_chats(ada, build_item("Marked", "text"))
    await wait_for_index(server)
    (await ada.post(f"/api/v1/chats/{chat_id}/tags", {"name": "Night Shift"})).ok()
    assert await search_titles(ada, "tag:night_shift") == ["Marked"] and await search_titles(ada, "tag:none") == []
    await wait_for_index(server)
    assert await search_titles(ada, "tag:night_shift") == ["Marked"] and await search_titles(ada, "tag:none") == []
    database = server.services.get(Database)
    insert = "INSERT INTO tag (id, name, user_id) VALUES ('idle', 'Idle', :user_id)"
    await database.execute("test.tag", insert, user_id=ada.id)
    assert await search_titles(ada, "tag:idle and more") == []
    assert {tag["id"] for tag in (await ada.get("/api/v1/chats/all/tags")).ok()} == {"idle", "night_shift"}
    assert await search_titles(ada, "tag:idle") == []
    assert [tag["id"] for tag in (await ada.get("/api/v1/chats/all/tags")).ok()] == ["night_shift"]


async def test_a_snippet_of_the_message_shows_the_match(server: Server, ada: Person) -> None:
    long = "before " * 60 + "the Needle  is\nhere " + "after " * 60
    await import_chats(ada, build_item("Needle", "x", at=100), build_item("Long", "nothing", long, at=200))
    chats = (await ada.get(SEARCH, text="needle")).ok()
    assert [(chat["title"], chat["snippet"] is None) for chat in chats] == [("Long", False), ("Needle", True)]
    snippet = chats[0]["snippet"]
    assert (
        "the Needle is here" in snippet and snippet.startswith("...") and snippet.endswith("...") and len(snippet) < 210
    )
    assert set(chats[0]) == {
        "id", "title", "updated_at", "created_at", "last_read_at", "snippet", "active", "archived",
    }  # fmt: skip


async def test_data_of_pictures_is_not_searched(server: Server, ada: Person) -> None:
    await import_chats(ada, build_item("Picture", "see ![it](data:image/png;base64,iVBORw0KGgoAAAANS) there"))
    await assert_results(
        server, ada, {"KGgoAAAA": [], "see": ["Picture"], ") there": ["Picture"], "image/png": ["Picture"]}
    )


async def test_deleted_chats_leave_the_index(server: Server, ada: Person, bob: Person) -> None:
    ids = await import_chats(ada, build_item("One", "alpha"), build_item("Two", "beta"))
    await import_chats(bob, build_item("His", "gamma"))
    await wait_for_index(server)
    tables = server.services.get(ChatSearch).tables

    async def list_indexed_titles() -> list[str]:
        return await tables.fetch_all_in_thread(
            str, "test.known", "SELECT title FROM fastback_search_chat ORDER BY title"
        )

    assert await list_indexed_titles() == ["His", "One", "Two"]
    (await ada.delete(f"/api/v1/chats/{ids[0]}")).ok()
    await wait_for_index(server)
    assert await list_indexed_titles() == ["His", "Two"]
    (await ada.delete("/api/v1/chats/")).ok()
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    await wait_for_index(server)
    assert await list_indexed_titles() == []
    assert await tables.fetch_all_in_thread(str, "test.tags", "SELECT tag FROM fastback_search_tag") == []


async def test_search_works_without_an_index(server: Server, ada: Person) -> None:
    await import_chats(
        ada, build_item("One", "alpha and omega", at=1), build_item("Two", "alpha", at=2, meta={"tags": ["kept"]})
    )
    await wait_for_index(server)
    server.services.get(ChatSearch)._index.ready = False
    assert await search_titles(ada, "alpha") == ["Two", "One"]
    assert await search_titles(ada, "omega alpha") == ["One"]
    assert await search_titles(ada, "tag:kept") == ["Two"] and await search_titles(ada, "tag:none") == ["One"]


@asynccontextmanager
async def _database_settings(database: str, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Yield environment variables of a server that may be started several times on one database."""
    if database == "postgres":
        async with postgres_database() as url:
            yield {"DATABASE_URL": url, "ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    else:
        yield {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}


async def _write_as_other_program(
    env: dict[str, str], tmp_path: Path, statements: list[tuple[str, tuple[Any, ...]]]
) -> None:
    """Change the database as another program does; `?` marks parameters."""
    if "DATABASE_URL" in env:
        import asyncpg

        connection = await asyncpg.connect(env["DATABASE_URL"])
        for text, values in statements:
            parts = text.split("?")
            numbered = "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], 1)) + parts[-1]
            await connection.execute(numbered, *values)
        await connection.close()
    else:
        other = apsw.Connection(str(tmp_path / "webui.db"))  # as the server: see `test_analytics_buckets.OtherProgram`
        other.set_busy_timeout(30_000)
        with other:
            for text, values in statements:
                other.execute(text, values)
        other.close()


async def test_what_another_program_wrote_meanwhile_is_found(database: str, tmp_path: Path) -> None:
    async with _database_settings(database, tmp_path) as env:
        async with run_server(env, tmp_path, database) as server:
            ada = await server.sign_up("Ada")
            ids = await import_chats(
                ada,
                build_item("Renamed", "first", at=100),
                build_item("Rewritten", "second", at=200),
                build_item("Gone", "third", at=300),
                build_item("Labelled", "fourth", at=400),
                build_item("Still", "fifth", at=500),
            )
            await wait_for_index(server)
        new = json.dumps(build_item("New", "sixth arrival")["chat"])
        rewritten = json.dumps(build_item("Rewritten", "other words")["chat"])
        columns = "id, user_id, title, chat, created_at, updated_at, archived, pinned, meta"
        values = ("11111111-2222-4333-8444-555555555555", ada.id, "New", new, 150, 150, False, False, "{}")
        labelled = '{"tags": ["fresh"]}'
        await _write_as_other_program(
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
            returning = Person(server.url, ada.token, ada.account)
            server.people.append(returning)
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
            await assert_results(server, returning, cases)
            # While both run: stale entries are hidden, and chats with a new time are found.
            await _write_as_other_program(
                env,
                tmp_path,
                [
                    ("UPDATE chat SET title = 'Other' WHERE id = ?", (ids[0],)),
                    ("UPDATE chat SET title = 'Latest', updated_at = ? WHERE id = ?", (4_000_000_000, ids[3])),
                ],
            )
            assert await search_titles(returning, "named anew") == []
            assert await search_titles(returning, "latest") == ["Latest"]


async def test_the_index_is_as_private_as_the_database(tmp_path: Path) -> None:
    (tmp_path / "webui.db").touch(mode=0o600)
    async with run_server({"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}, tmp_path, "sqlite") as server:
        await server.sign_up("Ada")
        await wait_for_index(server)
        assert (tmp_path / "webui.fastback_search.db").stat().st_mode & 0o777 == 0o600


async def test_a_damaged_index_is_rebuilt(tmp_path: Path) -> None:
    env = {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    async with run_server(env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        await import_chats(ada, build_item("Kept", "words"))
        await wait_for_index(server)
    index = tmp_path / "webui.fastback_search.db"
    assert index.exists()
    index.write_bytes(b"this is no database" * 1000)
    async with run_server(env, tmp_path, "sqlite") as server:
        returning = Person(server.url, ada.token, ada.account)
        server.people.append(returning)
        await assert_results(server, returning, {"words": ["Kept"]})


async def test_search_works_where_no_index_can_be_created(tmp_path: Path) -> None:
    (tmp_path / "webui.fastback_search.db").mkdir()
    env = {"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"}
    async with run_server(env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        await import_chats(ada, build_item("Kept", "words", meta={"tags": ["one"]}))
        assert await search_titles(ada, "words") == await search_titles(ada, "tag:one") == ["Kept"]


async def test_invalid_documents_do_not_break_a_search(server: Server, ada: Person) -> None:
    ids = await import_chats(
        ada, build_item("Whole", "words", at=1), build_item("Odd", "words", at=2), build_item("Bare", "words", at=3)
    )
    database = server.services.get(Database)
    odd = '{"history": {"messages": {"a": "text", "b": {"content": 5}, "c": {"content": [{"text": "parts"}]}}}}'
    for chat_id, document in ((ids[1], odd), (ids[2], "null")):
        text = "UPDATE chat SET chat = :chat, updated_at = 2000000000 WHERE id = :id"
        await database.execute("test.odd", text, id=chat_id, chat=document)
    await assert_results(server, ada, {"words": ["Whole"], "odd": ["Odd"], "bare": ["Bare"], "parts": ["Odd"]})


async def test_the_combined_search_puts_titles_first(server: Server, ada: Person, bob: Person) -> None:
    await import_chats(
        ada,
        build_item("Rye", "grain", at=100),
        build_item("Rye bread", "baking", at=200),
        build_item("Other", "has rye in it", at=300),
        build_item("Away", "rye", at=400, archived=True),
    )
    for _ in range(2):
        results = (await ada.get("/api/v1/search", q="rye")).ok()
        assert [result["title"] for result in results["items"]] == ["Rye", "Rye bread", "Other"]
        assert results["items"][2]["snippet"] == "has rye in it" and results["has_more"] is False
        assert (await bob.get("/api/v1/search", q="rye")).ok()["items"] == []
        await wait_for_index(server)
    (await ada.get("/api/v1/search", q="x" * 501)).refused(422)
    (await ada.get("/api/v1/search", q="x", page=0)).refused(422)
