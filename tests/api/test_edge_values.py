"""Values at the edges: whatever a client sends, no operation fails, and what was stored can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import yarl

from conftest import Person, Server
from edge_requests import EdgeRequest, list_edge_requests
from fastback.compatibility.operations import Operation
from fastback.kit.db import Database, InvalidValueError
from operation_requests import ROUTES, list_paths, list_queries
from private_records import WORD, PrivateRecords, create_private_records

#: Operations that end the session, and those that are tried last, because they switch others off.
_EXCLUDED = re.compile(r"^GET /api/v1/auths/signout$")
_LAST = re.compile(r"config|permissions|auths|update/role|ldap")
#: The operation is not built; the server behind it cannot be reached, or is switched off.
_ALLOWED_FAILURES = (501, 502, 503)


async def _send(person: Person, request: EdgeRequest) -> tuple[int, str | None]:
    """Send a request, and return its status; where the server failed, also the request and its response."""
    url = yarl.URL(f"{person.url}{request.path}?{request.query}", encoded=True)
    async with person.http().request(
        request.operation.method,
        url,
        data=request.body,
        headers={} if request.body is None else {"content-type": request.content_type},
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=30),
    ) as response:
        text = await response.text(errors="replace")
        if response.status < 500 or (response.status in _ALLOWED_FAILURES and "database" not in text):
            return response.status, None
        address = f"{request.operation.method} {request.path[-200:]}?{request.query[:200]}"
        return response.status, f"{response.status} {text[:100]}: {address} {(request.body or b'')[:300]!r}"


def _list_operations() -> list[Operation]:
    operations = [operation for operation in ROUTES if not _EXCLUDED.match(f"{operation.method} {operation.path}")]
    order = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
    return sorted(operations, key=lambda operation: (bool(_LAST.search(operation.path)), order.index(operation.method)))


def _list_reads(own: PrivateRecords) -> Iterator[EdgeRequest]:
    """Yield valid requests to all operations that only read."""
    for operation in _list_operations():
        if operation.method == "GET":
            for path in list_paths(operation, own):
                for query in list_queries(operation, ROUTES[operation], own):
                    encoded = "&".join(f"{name}={value}" for name, value in query.items())
                    yield EdgeRequest(operation, path, encoded, None)


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "ENABLE_OLLAMA_API": "true",
        "OLLAMA_BASE_URLS": upstream,
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
    }


@pytest.mark.slow
@pytest.mark.timeout(600)  # 25 seconds of work for each database
async def test_no_value_makes_an_operation_fail(server: Server, ada: Person) -> None:
    own = await create_private_records(server, ada)
    failures: list[str] = []
    for person in (server.stranger(), own.owner, ada):
        for operation in _list_operations():
            for request in list_edge_requests(operation, ROUTES[operation], own):
                status, failure = await _send(person, request)
                if failure is not None:
                    failures.append(failure)
                if status == 401 and person.token is None:
                    break  # the next request to this operation would tell a stranger no more
    assert not failures, "\n".join(failures[:50])
    for person in (own.owner, ada):
        for request in _list_reads(own):
            _, failure = await _send(person, request)
            assert failure is None, f"what was stored cannot be read: {failure}"
    assert (await ada.get("/health/db")).ok() == {"status": True}


NUL = "a\0b"


async def test_stored_texts_have_no_nul_characters(server: Server, ada: Person) -> None:
    """NUL characters are removed, in texts and in JSON; what only looks like an escape stays."""
    literal = r"\\u0000"
    note = {"title": NUL, "data": {"content": {"md": NUL + literal, "html": "", "json": None}}, "meta": {NUL: [NUL]}}
    note_id = (await ada.post("/api/v1/notes/create", note)).ok()["id"]
    stored = (await ada.get(f"/api/v1/notes/{note_id}")).ok()
    assert (stored["title"], stored["data"]["content"]["md"], stored["meta"]) == ("ab", "ab" + literal, {"ab": ["ab"]})
    assert [entry["id"] for entry in (await ada.get("/api/v1/notes/search", query="ab")).ok()["items"]] == [note_id]

    message = {"id": "u1", "parentId": None, "childrenIds": [], "role": "user", "content": NUL}
    document = {"title": NUL, "history": {"currentId": "u1", "messages": {"u1": message}}, "params": {NUL: NUL}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": document})).ok()["id"]
    (await ada.patch(f"/api/v1/chats/{chat_id}/params", {"stop": NUL})).ok()
    chat = (await ada.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]
    assert (chat["title"], chat["history"]["messages"]["u1"]["content"]) == ("ab", "ab")
    assert chat["params"] == {"ab": "ab", "stop": "ab"}

    prompt = {"command": NUL, "name": NUL, "content": NUL, "tags": [NUL], "data": {NUL: NUL}}
    assert (await ada.post("/api/v1/prompts/create", prompt)).ok()["command"] == "ab"
    folder = (await ada.post("/api/v1/folders/", {"name": NUL, "data": {"system_prompt": NUL}})).ok()
    assert (folder["name"], folder["data"]) == ("ab", {"system_prompt": "ab"})
    model = {"id": NUL, "name": NUL, "base_model_id": "demo-small", "params": {"system": NUL}, "meta": {"tags": []}}
    created = (await ada.post("/api/v1/models/create", model)).ok()
    assert (created["id"], created["name"], created["params"]) == ("ab", "ab", {"system": "ab"})
    (await ada.post("/api/v1/users/user/settings/update", {"ui": {"system": NUL}})).ok()
    assert (await ada.get("/api/v1/users/user/settings")).ok() == {"ui": {"system": "ab"}}


async def test_an_id_with_a_nul_character_names_nothing(ada: Person, anonymous: Person) -> None:
    model = {"id": "mine", "name": "Mine", "base_model_id": "demo-small", "params": {}, "meta": {}}
    (await ada.post("/api/v1/models/create", model)).ok()
    detail = (await ada.post("/api/v1/models/create", {**model, "id": "mi\0ne"})).refused(401)
    assert "already registered" in detail
    for path in (
        "/api/v1/notes/x%00",
        "/api/v1/chats/%00",
        "/cache/%00",
        "/cache/a%00.png",
        "/api/v1/files/%00/content",
    ):
        url = yarl.URL(ada.url + path, encoded=True)
        async with ada.http().get(url) as response:
            assert response.status == 404, path
    (await anonymous.post("/api/v1/auths/signin", {"email": NUL, "password": NUL})).refused(400)
    problem = (await ada.get("/api/v1/chats/search", text=NUL)).refused(422)[0]
    assert (problem["loc"], problem["type"], problem["input"]) == (["query", "text"], "value_error", NUL)


@pytest.mark.parametrize("page", [10**30, 2**63, -(2**63) - 1])
async def test_integers_have_64_bits(ada: Person, page: int) -> None:
    size = ("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size")
    problem = (await ada.get("/api/v1/chats/", page=page)).refused(422)[0]
    assert (problem["type"], problem["msg"], problem["loc"]) == (*size, ["query", "page"])
    problem = (await ada.post("/api/v1/memories/query", {"content": "x", "k": page})).refused(422)[0]
    assert (problem["type"], problem["msg"], problem["loc"]) == (*size, ["body", "k"])
    # A JSON document may have any number.
    note = (await ada.post("/api/v1/notes/create", {"title": "N", "data": {"n": page}})).ok()
    assert (await ada.get(f"/api/v1/notes/{note['id']}")).ok()["data"] == {"n": page}


async def test_the_last_page_is_empty_or_refused(ada: Person) -> None:
    detail = (await ada.get("/api/v1/chats/", page=2**63 - 1)).refused(400)
    assert detail == "A value is out of range or too long."


def _build_chat(title: Any) -> dict[str, Any]:
    message = {"id": "u1", "parentId": None, "childrenIds": [], "role": "user", "content": "Hi"}
    return {"chat": {"title": title, "history": {"currentId": "u1", "messages": {"u1": message}}}}


async def test_a_failed_import_leaves_nothing_behind(ada: Person) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [_build_chat("One"), _build_chat(["Two"])]})).refused(400)
    assert (await ada.get("/api/v1/chats/")).ok() == []
    (await ada.post("/api/v1/chats/import", {"chats": [_build_chat("One"), _build_chat("Two")]})).ok()
    assert {chat["title"] for chat in (await ada.get("/api/v1/chats/")).ok()} == {"One", "Two"}

    model = {"name": "M", "base_model_id": "demo-small", "params": {}, "meta": {}}
    invalid = {**model, "id": "two", "name": 5}
    (await ada.post("/api/v1/models/import", {"models": [{**model, "id": "one"}, invalid]})).refused(400)
    assert (await ada.get("/api/v1/models/export")).ok() == []
    twice = [{**model, "id": "one"}, {**model, "id": "one", "name": "Again"}]
    (await ada.post("/api/v1/models/import", {"models": twice})).ok()
    assert [entry["name"] for entry in (await ada.get("/api/v1/models/export")).ok()] == ["Again"]


async def test_chats_and_models_of_another_shape_are_refused(ada: Person) -> None:
    chat_id = (await ada.post("/api/v1/chats/new", _build_chat("Fine"))).ok()["id"]
    for document in ({"history": 5}, {"history": {"messages": [5]}}, {"messages": {"a": 5}}, {"messages": 5}):
        for path in ("new", "import", chat_id):
            body = {"chats": [{"chat": document}]} if path == "import" else {"chat": document}
            (await ada.post(f"/api/v1/chats/{path}", body)).refused(400, "[ERROR: Invalid history]")
    (await ada.post(f"/api/v1/chats/{chat_id}", {"chat": {"params": 5}})).ok()
    assert (await ada.patch(f"/api/v1/chats/{chat_id}/params", {"a": 1})).ok() == {"a": 1}
    for meta in (5, [1], "text"):
        models = [{"id": "m", "name": "M", "base_model_id": "demo-small", "params": {}, "meta": meta}]
        detail = (await ada.post("/api/v1/models/import", {"models": models})).refused(400)
        assert detail == "Model m: meta: Input should be a valid dictionary"


async def test_a_form_without_a_boundary_is_refused(ada: Person) -> None:
    for path in (
        "/api/v1/files/",
        "/api/v1/pipelines/upload",
        "/api/v1/skills/import",
        "/api/v1/skills/import/preview",
    ):
        headers = {"content-type": "multipart/form-data"}
        assert "boundary" in (await ada.post(path, data=b"--x", headers=headers)).refused(400)


async def test_code_is_loaded_from_servers_that_answer(ada: Person) -> None:
    for kind in ("tool", "function"):
        detail = (await ada.post(f"/api/v1/{kind}s/load/url", {"url": "http://127.0.0.1:9/x.py"})).refused(400)
        assert f"Error fetching {kind}" in detail


async def test_statistics_skip_odd_parts_of_messages(ada: Person) -> None:
    parts = [{"text": "no type"}, {"type": "text", "text": "four"}, 7]
    chat = _build_chat("Odd")
    chat["chat"]["history"]["messages"]["u1"] |= {"content": parts, "timestamp": 2**62}
    chat["chat"]["history"]["messages"]["a1"] = {
        "id": "a1",
        "parentId": "u1",
        "childrenIds": [],
        "role": "assistant",
        "content": "Ho",
        "timestamp": 1_700_000_000,
    }
    chat["chat"]["history"]["currentId"] = "a1"
    (await ada.post("/api/v1/chats/new", chat)).ok()
    (entry,) = (await ada.get("/api/v1/chats/stats/usage")).ok()["items"]
    assert entry["average_user_message_content_length"] == 4


async def test_json_that_is_nested_too_deeply_is_malformed(ada: Person) -> None:
    """What is accepted can be read again, also by code that is called from a deeper level."""
    accepted = 0
    for depth in range(600, 1000, 10):
        data = "[" * depth + "]" * depth
        body = f'{{"title": "Deep", "data": {{"deep": {data}}}}}'.encode()
        reply = await ada.post("/api/v1/notes/create", data=body, headers={"content-type": "application/json"})
        assert reply.status in (200, 400, 422), f"{depth}: {reply.status}"
        if reply.status == 200:
            accepted += 1
            (await ada.get(f"/api/v1/notes/{reply.json['id']}")).ok()
    assert len((await ada.get("/api/v1/notes/search")).ok()["items"]) == accepted
    assert 0 < accepted < 40


LIST_JSON_COLUMNS = """
    SELECT table_name || '.' || column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'json' ORDER BY 1"""


async def test_rows_with_nul_characters_are_read(server: Server, ada: Person) -> None:
    """The reference stores NUL characters in JSON, and PostgreSQL refuses to read any part of such JSON."""
    if server.database == "sqlite":
        pytest.skip("SQLite reads such rows")
    own = await create_private_records(server, ada)
    reads = [(person, request) for person in (own.owner, ada) for request in _list_reads(own)]
    statuses = [(await _send(person, request))[0] for person, request in reads]
    db = server.services.get(Database)
    poisoned = set()
    for column in await db.fetch_all(str, "test.columns", LIST_JSON_COLUMNS):
        table, name = column.split(".")
        text = f"""UPDATE "{table}" SET {name} = CAST(replace(CAST({name} AS text), '{WORD}', '{WORD}\\u0000') AS json)
            WHERE CAST({name} AS text) LIKE '%{WORD}%'"""
        try:
            if await db.execute("test.poison", text):
                poisoned.add(column)
        except InvalidValueError:
            assert column == "file.data"  # an index of the reference's schema reads it
    assert poisoned >= {"chat.meta", "folder.data", "note.data", "prompt.tags", "file.meta"}
    for (person, request), status in zip(reads, statuses, strict=True):
        status_now, _ = await _send(person, request)
        assert status_now == status, f"{request} of {person.account['name']}"
    notes = (await own.owner.get("/api/v1/notes/search", query=WORD)).ok()["items"]
    assert [note["id"] for note in notes] == [own.ids["note"]]
