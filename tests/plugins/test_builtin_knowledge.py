"""Built-in tools around files and knowledge: which of them a turn has, what they return, and what stays closed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from knowledge_calls import (
    CHAT,
    HELPER,
    TEA,
    build_environment,
    call,
    create_helper,
    get_system_prompt,
    list_tools,
    share_base,
)
from page_client import open_page
from queued_model import QueuedModel
from source_samples import create_file, create_knowledge, grant_read_access


@pytest.fixture
def environment(model: QueuedModel, upstream: str) -> dict[str, str]:
    return build_environment(model, upstream)


async def test_a_model_without_knowledge_searches_what_the_user_may_read(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    await share_base(ada)
    await create_file(server, bob, "tea", TEA)
    await create_file(server, ada, "secret", "The key is below the mat.")
    await create_knowledge(server, bob, "Kitchen", "tea")
    await create_knowledge(server, ada, "Safe", "secret")
    outcome = await call(
        bob,
        model,
        ("list_knowledge_bases", {}),
        ("search_knowledge_bases", {"query": "KITCH"}),
        ("search_knowledge_files", {"query": "TEA", "knowledge_id": "null"}),
        ("search_knowledge_files", {"query": "", "knowledge_id": "Safe"}),
        ("query_knowledge_files", {"query": "How hot is green tea?", "count": "3", "knowledge_ids": "None"}),
        ("view_knowledge_file", {"file_id": "tea", "start_line": 2, "end_line": 2}),
        ("view_knowledge_file", {"file_id": "secret"}),
        ("view_knowledge_file", {"file_id": "nothing"}),
    )
    assert list_tools(model) == [
        "list_knowledge_bases",
        "search_knowledge_bases",
        "query_knowledge_bases",
        "grep_knowledge_files",
        "search_knowledge_files",
        "query_knowledge_files",
        "view_knowledge_file",
    ]
    bases, matching, files, closed, chunks, view, foreign, missing = outcome.values
    assert bases == matching
    assert bases == [{"id": "Kitchen", "name": "Kitchen", "description": "", "file_count": 1, "updated_at": 1}]
    assert files == [
        {
            "id": "tea",
            "filename": "tea.txt",
            "knowledge_id": "Kitchen",
            "knowledge_name": "Kitchen",
            "updated_at": 1,
        }
    ]
    assert closed == {"error": "Access denied to knowledge base Safe"}
    (chunk,) = chunks
    assert 0 < chunk.pop("distance") <= 1
    assert chunk == {"content": TEA, "source": "The tea.txt", "file_id": "tea"}
    assert view == {
        "id": "tea",
        "filename": "tea.txt",
        "content": "2: Black tea: 95 degrees.",
        "updated_at": 1,
        "created_at": 1,
        "total_lines": 3,
        "showing_lines": "2-2",
        "truncated": True,
        "next_start_line": 3,
        "knowledge_id": "Kitchen",
        "knowledge_name": "Kitchen",
    }
    assert foreign == {"error": "Access denied"} and missing == {"error": "File not found"}
    queried, viewed = outcome.sources
    assert queried["source"] == {"id": "tea", "name": "The tea.txt", "type": "file"}
    assert queried["document"] == [TEA] and len(queried["distances"]) == 1
    assert viewed["source"] == {"id": "tea", "name": "tea.txt", "type": "file"}
    assert viewed["metadata"] == [
        {"file_id": "tea", "name": "tea.txt", "source": "tea.txt", "knowledge_name": "Kitchen"}
    ]


async def test_odd_arguments_are_no_failures(server: Server, ada: Person, model: QueuedModel) -> None:
    await create_file(server, ada, "tea", TEA)
    await create_knowledge(server, ada, "kitchen", "tea")
    outcome = await call(
        ada,
        model,
        ("list_knowledge_bases", {"skip": "9" * 40, "count": 10**30}),
        ("search_knowledge_files", {"query": "%\x00", "skip": "9" * 40}),
        ("query_knowledge_files", {"query": "", "knowledge_ids": [None, {}, "kitchen\x00"]}),
        ("view_knowledge_file", {"file_id": "tea", "offset": 10**30, "max_chars": -5}),
        ("view_knowledge_file", {"file_id": "tea", "start_line": 10**20}),
        ("grep_knowledge_files", {"pattern": "(" * 3000 + "a.*"}),
        ("grep_knowledge_files", {"pattern": "a" * 5000}),
        ("view_knowledge_file", {"file_id": "tea", "start_line": "first"}),
        ("view_knowledge_file", {}),
    )
    bases, files, chunks, beyond, below, nested, long, wrong, missing = outcome.values
    assert bases == [] and files == [] and isinstance(chunks, list)
    assert beyond["content"] == "" and beyond["returned_chars"] == 0
    assert below["content"] == "" and below["total_lines"] == 3
    assert nested["error"].startswith("Invalid or unsupported regex")
    assert long == {"error": "Search patterns over 4096 characters are not supported"}
    assert wrong == {"error": "'start_line' must be a whole number"}
    assert missing == {"error": "missing a required argument: 'file_id'"}


async def test_exact_text_is_found_by_line(server: Server, ada: Person, bob: Person, model: QueuedModel) -> None:
    await share_base(ada)
    await create_file(server, bob, "tea", TEA)
    await create_file(server, ada, "secret", "Error 42: the key is below the mat.")
    await create_knowledge(server, bob, "Kitchen", "tea")
    outcome = await call(
        bob,
        model,
        ("grep_knowledge_files", {"pattern": "tea:"}),
        ("grep_knowledge_files", {"pattern": "ERROR", "case_insensitive": True}),
        ("grep_knowledge_files", {"pattern": "ERROR"}),
        (
            "grep_knowledge_files",
            {"pattern": r"(green|black) \w+: \d+", "case_insensitive": "true", "count_only": True},
        ),
        ("grep_knowledge_files", {"pattern": "key", "file_id": "secret"}),
        ("grep_knowledge_files", {"pattern": "[unclosed|"}),
        ("grep_knowledge_files", {"pattern": " "}),
    )
    assert outcome.texts[:4] == [
        "tea  tea.txt:1: Green tea: 70 degrees.\ntea  tea.txt:2: Black tea: 95 degrees.",
        "tea  tea.txt:3: Error 42 in the kettle.",
        'No matches for "ERROR"',
        "tea  tea.txt: 2\n[2 total matches]",
    ]
    foreign, invalid, blank = [json.loads(text)["error"] for text in outcome.texts[4:]]
    assert foreign == "File not found" and invalid.startswith("Invalid or unsupported regex")
    assert blank == "Pattern is required"


async def test_lines_of_matches_are_limited(
    start_server: Callable[..., Any], model: QueuedModel, upstream: str
) -> None:
    env = {
        **model.env,
        "KNOWLEDGE_GREP_MAX_MATCHES": "3",
        "VIEW_FILE_MAX_CHARS": "30",
        "VIEW_FILE_DEFAULT_MAX_CHARS": "8",
    }
    async with start_server(**env, RAG_EMBEDDING_ENGINE="openai", RAG_OPENAI_API_BASE_URL=f"{upstream}/v1") as server:
        ada = await server.sign_up("Ada")
        await create_file(server, ada, "long", "\n".join(f"line {number}" for number in range(50)))
        await create_knowledge(server, ada, "Kitchen", "long")
        outcome = await call(
            ada,
            model,
            ("grep_knowledge_files", {"pattern": "line"}),
            ("view_knowledge_file", {"file_id": "long", "offset": "7", "line_numbers": True}),
            ("view_knowledge_file", {"file_id": "long", "max_chars": 1000}),
            ("view_knowledge_file", {"file_id": "long", "start_line": 49}),
        )
        assert outcome.texts[0].splitlines()[:3] == [f"long  long.txt:{n + 1}: line {n}" for n in range(3)]
        assert outcome.texts[0].splitlines()[3].startswith("[3 of 50 matches shown")
        page, capped, lines = [json.loads(text) for text in outcome.texts[1:]]
        assert page["content"] == "2: line 1\n3: l"
        assert [page[name] for name in ("offset", "returned_chars", "next_offset", "truncated")] == [7, 8, 15, True]
        assert len(capped["content"]) == 30 and capped["total_chars"] == 389
        assert lines["content"] == "49: line 48\n50: line 49" and "truncated" not in lines


async def test_regular_expressions_end_in_time(server: Server, ada: Person, model: QueuedModel) -> None:
    await create_file(server, ada, "trap", "\n".join(["a" * 3000 + "!"] * 20))
    await create_knowledge(server, ada, "Kitchen", "trap")
    begin = time.monotonic()
    outcome = await call(ada, model, ("grep_knowledge_files", {"pattern": r"(a|a)*c|(\w+\d+)+q"}))
    assert outcome.values == [{"error": "Search exceeded 2s, narrow the pattern"}]
    assert time.monotonic() - begin < 20


async def test_attached_knowledge_is_searched_and_not_read_into_the_prompt(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    tea = await create_file(server, ada, "tea", TEA)
    await create_file(server, ada, "bread", "Bread: 230 degrees.")
    bakery = await create_knowledge(server, ada, "bakery", "bread")
    safe = await create_knowledge(server, ada, "Safe")
    await grant_read_access(server, "knowledge", "bakery", bob)
    await share_base(ada)
    data = {"content": {"md": "Buy milk."}}
    note = (await ada.post("/api/v1/notes/create", {"title": 'A "list"', "data": data})).ok()["id"]
    await grant_read_access(server, "note", note, bob)
    await create_helper(ada, tea, bakery, safe, tea, {"type": "note", "id": note, "name": 'A "list"'}, {"type": "file"})
    outcome = await call(
        bob,
        model,
        ("list_knowledge", {}),
        ("list_knowledge", {"knowledge_id": "bakery", "count": 1}),
        ("search_knowledge_files", {"query": "txt"}),
        ("search_knowledge_files", {"query": "", "knowledge_id": "Other"}),
        ("grep_knowledge_files", {"pattern": "degrees"}),
        ("query_knowledge_files", {"query": "bread"}),
        ("view_file", {"file_id": "tea", "max_chars": 9}),
        ("view_note", {"note_id": note}),
        ("view_note", {"note_id": "nothing"}),
        models=[HELPER],
    )
    assert list_tools(model) == [
        "list_knowledge",
        "search_knowledge_files",
        "grep_knowledge_files",
        "query_knowledge_files",
        "view_file",
        "view_knowledge_file",
    ]
    assert model.tool_names.count("view_note") == 1
    overview, with_files, files, detached, grepped, chunks, view, viewed_note, missing = [
        text if text.startswith("tea ") else json.loads(text) for text in outcome.texts
    ]
    base = {"id": "bakery", "name": "bakery", "description": "", "file_count": 1}
    assert overview == {
        "knowledge_bases": [base],
        "files": [{"id": "tea", "filename": "tea.txt", "updated_at": 1}],
        "notes": [{"id": note, "title": 'A "list"'}],
    }
    page = {"files": [{"id": "bread", "filename": "bread.txt"}], "files_skip": 0, "files_count": 1}
    assert with_files["knowledge_bases"] == [{**base, **page, "files_total": 1, "has_more": False}]
    assert [file["id"] for file in files] == ["bread", "tea"]
    assert detached == {"error": "Knowledge base Other is not attached to this model"}
    assert grepped.splitlines()[-1] == "bread  bread.txt:1: Bread: 230 degrees."
    assert chunks[0] == {"content": "Buy milk.", "source": 'A "list"', "note_id": note, "type": "note"}
    assert {chunk.get("file_id") for chunk in chunks[1:]} == {"tea", "bread"}
    assert view["content"] == "Green tea" and view["next_offset"] == 9
    assert viewed_note["content"] == "Buy milk." and missing == {"error": "Note not found"}
    # The prompt names the knowledge, always with the same bytes, and holds nothing of it.
    expected = "\n".join(
        [
            "<attached_knowledge>",
            '<knowledge type="file" id="tea" name="tea.txt" source="model"/>',
            '<knowledge type="collection" id="bakery" name="bakery" source="model"/>',
            '<knowledge type="collection" id="Safe" name="Safe" source="model"/>',
            f'<knowledge type="note" id="{note}" name="A &quot;list&quot;" source="model"/>',
            "</attached_knowledge>",
        ]
    )
    assert get_system_prompt(model) == expected
    assert model.requests[0]["messages"] == [
        {"role": "system", "content": expected},
        {"role": "user", "content": "Go on"},
    ]
    # Models that call no tools, and API clients, get the passages in the prompt.
    async with open_page(bob) as tab:
        await tab.ask("How hot is bread?", models=[HELPER], params={"function_calling": "legacy"})
    assert "Bread: 230 degrees." in json.dumps(model.requests[-1]["messages"])
    question = {"role": "user", "content": "How hot is bread?"}
    (await bob.post(CHAT, {"model": HELPER, "messages": [question], "stream": False})).ok()
    assert "Bread: 230 degrees." in json.dumps(model.requests[-1]["messages"])


async def test_a_folders_files_are_searched_in_its_chats(
    server: Server, ada: Person, bob: Person, cy: Person, model: QueuedModel
) -> None:
    await share_base(ada)
    tea = await create_file(server, bob, "tea", TEA)
    await create_file(server, bob, "bread", "Bread: 230 degrees.")
    bakery = await create_knowledge(server, bob, "bakery", "bread")
    foreign = await create_file(server, ada, "secret", "The key is below the mat.")
    folder = (await bob.post("/api/v1/folders/", {"name": "K", "data": {"files": [tea, bakery]}})).ok()["id"]
    await server.services.get(Database).execute(
        "test.folder",
        "UPDATE folder SET data = :data WHERE id = :id",
        data=json.dumps({"files": [tea, bakery, foreign]}),
        id=folder,
    )
    await grant_read_access(server, "folder", folder, cy)
    await server.services.get(Database).execute(
        "test.write",
        """INSERT INTO access_grant
               (id, resource_type, resource_id, principal_type, principal_id, permission, created_at)
           VALUES ('w', 'folder', :folder, 'user', :user_id, 'write', 1)""",
        folder=folder,
        user_id=cy.id,
    )
    calls = (
        ("list_knowledge", {}),
        ("view_file", {"file_id": "bread"}),
        ("view_file", {"file_id": "secret"}),
        ("view_knowledge_file", {"file_id": "bread"}),
    )
    for person in (bob, cy):  # who reads the folder reads what its owner put into it
        outcome = await call(person, model, *calls, folder_id=folder)
        overview, view, closed, knowledge_view = outcome.values
        assert [base["id"] for base in overview["knowledge_bases"]] == ["bakery"]
        assert [file["id"] for file in overview["files"]] == ["tea"]
        assert view["content"] == knowledge_view["content"] == "Bread: 230 degrees."
        assert closed == {"error": "File not found"}
        assert 'id="tea" name="tea.txt" source="folder"/>' in get_system_prompt(model)
        assert "secret" not in get_system_prompt(model)


async def test_knowledge_is_found_by_its_description(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    await share_base(ada)
    created = [
        (await ada.post("/api/v1/knowledge/create", {"name": name, "description": text})).ok()["id"]
        for name, text in (("Kitchen", "Tea and bread"), ("Garden", "Roses and trees"))
    ]
    await grant_read_access(server, "knowledge", created[1], bob)
    (await ada.post("/api/v1/knowledge/metadata/reindex")).ok()
    (own,) = (await call(ada, model, ("query_knowledge_bases", {"query": "Tea and bread", "count": 2}))).values
    assert {base["id"] for base in own} == set(created)
    assert set(own[0]) == {"id", "name", "description", "similarity"}
    (granted,) = (await call(bob, model, ("query_knowledge_bases", {"query": "Tea and bread"}))).values
    assert [base["id"] for base in granted] == [created[1]]


async def test_the_category_can_be_switched_off(server: Server, ada: Person, model: QueuedModel) -> None:
    tea = await create_file(server, ada, "tea", TEA)
    await create_helper(ada, tea, builtinTools={"knowledge": False})
    async with open_page(ada) as page:
        await page.ask("How hot?", models=[HELPER])
    assert list_tools(model) == []
    assert "Green tea: 70 degrees." in json.dumps(model.requests[-1]["messages"])
    assert get_system_prompt(model) == ""
