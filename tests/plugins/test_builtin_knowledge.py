"""Built-in tools around files and knowledge: which of them a turn has, what they return, and what stays closed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools
from source_samples import create_file, create_knowledge, grant_read_access

CHAT = "/api/chat/completions"
HELPER = "helper"
TEA = "Green tea: 70 degrees.\nBlack tea: 95 degrees.\nError 42 in the kettle."


@pytest.fixture
def server_environment() -> dict[str, str]:
    """Return more environment variables of the server; tests parametrize this fixture."""
    return {}


@pytest.fixture
def environment(model: QueuedModel, upstream: str, server_environment: dict[str, str]) -> dict[str, str]:
    return {
        **model.env,
        **server_environment,
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "RAG_TEMPLATE": "Use {{CONTEXT}} for: ",
        "ENABLE_RETRIEVAL_QUERY_GENERATION": "false",
    }


async def create_helper(ada: Person, *knowledge: dict[str, Any], **meta: Any) -> None:
    """Create a model that all users may use, with knowledge of its own."""
    form = {
        "id": HELPER,
        "name": "Helper",
        "base_model_id": MODEL_ID,
        "params": {},
        "meta": {"knowledge": list(knowledge), **meta},
        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
    }
    (await ada.post("/api/v1/models/create", form)).ok()


async def share_base(ada: Person) -> None:
    """Let all users use the model of the server."""
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    form = {"id": MODEL_ID, "name": MODEL_ID, "access_grants": public_grants}
    (await ada.post("/api/v1/models/model/access/update", form)).ok()


class Outcome:
    """What came of a turn with calls: their results as text, and the sources that the page was shown."""

    def __init__(self, texts: list[str], sources: list[Any]) -> None:
        self.texts = texts
        self.sources = sources

    @property
    def values(self) -> list[Any]:
        return [json.loads(text) for text in self.texts]


async def call(person: Person, model: QueuedModel, *calls: tuple[str, Any], **more: Any) -> Outcome:
    """Have the model call tools on the page."""
    model.queue(call_tools(*calls), "Done.")
    async with open_page(person) as page:
        (await person.post(CHAT, page.build_body("Go on", **{"models": [MODEL_ID], **more}))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
        sources = page.list_data("source")
    texts = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
    assert len(texts) == len(calls)
    return Outcome(texts, sources)


def list_tools(model: QueuedModel) -> list[str]:
    """Return the tools of the latest request that are about knowledge and files."""
    words = ("knowledge", "file", "kb_exec")
    return [name for name in model.tool_names if any(word in name for word in words)]


def get_system_prompt(model: QueuedModel) -> str:
    first = model.requests[-1]["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""


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


async def test_files_of_a_chat_are_searched_by_models_that_do_not_read_them(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    tea = await create_file(server, bob, "tea", TEA)
    secret = await create_file(server, ada, "secret", "The key is below the mat.")
    await create_file(server, bob, "other", "Green is a color.")
    await create_knowledge(server, bob, "kitchen", "other")
    await share_base(ada)
    await create_helper(ada, capabilities={"file_context": False})
    files = [tea, tea, secret, {"type": "file", "id": "https://example.org/a.txt"}, {"type": "image", "url": "data:x"}]
    outcome = await call(
        bob,
        model,
        ("list_chat_files", {}),
        ("grep_chat_files", {"pattern": "Green"}),
        ("grep_chat_files", {"pattern": "key", "file_id": "secret"}),
        ("grep_chat_files", {"pattern": "key", "file_id": "other"}),
        ("query_chat_files", {"query": "How hot is green tea?", "file_id": "None"}),
        ("view_file", {"file_id": "tea", "start_line": 3}),
        models=[HELPER],
        files=files,
    )
    assert list_tools(model)[:4] == ["list_chat_files", "query_chat_files", "grep_chat_files", "view_file"]
    listed, grepped, closed, detached, chunks, view = [
        text if text.startswith("tea ") else json.loads(text) for text in outcome.texts
    ]
    file = {"id": "tea", "filename": "tea.txt", "name": "tea.txt", "type": "file", "updated_at": 1}
    assert listed == [{**file, "content_type": "text/plain"}]
    assert grepped == "tea  tea.txt:1: Green tea: 70 degrees."
    assert closed == {"error": "No accessible files found"} and detached == {"error": "File not found"}
    assert [(chunk["content"], chunk["file_id"]) for chunk in chunks] == [(TEA, "tea")]
    assert view["content"] == "3: Error 42 in the kettle."
    assert {source["source"]["id"] for source in outcome.sources} == {"tea"}
    # Whole files come as one passage; knowledge of the question is attached instead of read.
    kitchen = {"type": "collection", "id": "kitchen", "name": "Kitchen"}
    outcome = await call(
        bob, model, ("query_chat_files", {"query": "x"}), models=[HELPER], files=[{**tea, "context": "full"}, kitchen]
    )
    assert outcome.values == [[{"content": TEA, "source": "tea.txt", "file_id": "tea"}]]
    assert '<knowledge type="collection" id="kitchen" name="Kitchen" source="chat"/>' in get_system_prompt(model)
    # Without files, and for models that read them, there are no such tools.
    for more in ({"models": [HELPER]}, {"files": [tea]}):
        async with open_page(bob) as page:
            await page.ask("How hot?", **{"models": [MODEL_ID], **more})
        assert "list_chat_files" not in model.tool_names


async def run_commands(person: Person, model: QueuedModel, *lines: str, **more: Any) -> list[str]:
    return (await call(person, model, *(("kb_exec", {"command": line}) for line in lines), **more)).texts


@pytest.mark.parametrize("server_environment", [{"ENABLE_KB_EXEC": "true", "KB_EXEC_MAX_OUTPUT_CHARS": "300"}])
async def test_knowledge_is_read_with_the_commands_of_a_shell(
    server: Server, ada: Person, bob: Person, model: QueuedModel
) -> None:
    await share_base(ada)
    await create_file(server, bob, "tea", TEA)
    await create_file(server, bob, "bread", "Bread: 230 degrees.")
    await create_file(server, ada, "secret", "The key is below the mat.")
    await create_knowledge(server, bob, "kitchen", "tea", "bread")
    await create_knowledge(server, ada, "safe", "secret")
    form = {"name": "hot", "parent_id": None}
    hot = (await bob.post("/api/v1/knowledge/kitchen/dirs/create", form)).ok()["id"]
    form = {"name": "drinks", "parent_id": hot}
    drinks = (await bob.post("/api/v1/knowledge/kitchen/dirs/create", form)).ok()["id"]
    await server.services.get(Database).execute(
        "test.move", "UPDATE knowledge_file SET directory_id = :id WHERE file_id = 'tea'", id=drinks
    )
    header = "Knowledge Base: kitchen (kitchen)"
    tree = ["  ├── 📁 hot/", "  │   └── 📁 drinks/", "  │       └── tea.txt", "  └── bread.txt"]
    expected = {
        "ls": f"{header}\n  📁 hot/\n  bread  bread.txt    1970-01-01",
        "ls hot/drinks": f"{header}\n  Path: hot/drinks/\n  tea  tea.txt    1970-01-01",
        "ls cold": f"{header}\n  Directory not found: cold",
        "ls -a": f"{header}\n  bread  bread.txt    1970-01-01\n  tea  hot/drinks/tea.txt    1970-01-01",
        "tree": "\n".join([header, *tree, "", "  2 directories, 2 files"]),
        'find "t*"': "tea  tea.txt (kitchen)",
        'find cold "*"': 'No files matching "*" under "cold/"',
        "cat -n hot/drinks/tea.txt | head -1": "1: Green tea: 70 degrees.",
        "tail -1 tea.txt": "Error 42 in the kettle.\n[showing last 1 of 3 lines]",
        "head -n 1 tea": "Green tea: 70 degrees.\n[showing 1 of 3 lines]",
        "sed -n '2,9p' tea": "Black tea: 95 degrees.\nError 42 in the kettle.\n[lines 2-3 of 3]",
        "wc tea": "  3  13  69  tea.txt",
        "cat tea | wc -l": "3",
        'grep "degrees" hot/': "tea  tea.txt:1: Green tea: 70 degrees.\ntea  tea.txt:2: Black tea: 95 degrees.",
        "grep -c degrees": "bread  bread.txt: 1\ntea  tea.txt: 2\nTotal: 3 matches in 2 files",
        "grep -il 'error|230' *.txt": "bread  bread.txt\ntea  tea.txt",
        "grep degrees tea.txt | grep -i BLACK": "2: 2: Black tea: 95 degrees.",
        "grep key": 'No matches for "key" across 2 files',
        "cat secret": "File not found: secret",
        "rm tea": "Unknown command: rm. Available: cat, find, grep, head, ls, sed, stat, tail, tree, wc",
        "cat 'tea": "File not found: 'tea",
        "sed -n '3,2p' tea": "Invalid range: start (3) > end (2)",
        " | ": 'Usage: kb_exec("<command>"). Run kb_exec("ls") to start.',
    }
    results = dict(zip(expected, await run_commands(bob, model, *expected), strict=True))
    assert results == expected
    assert list_tools(model) == ["kb_exec", "query_knowledge_files", "query_knowledge_bases", "search_knowledge_bases"]
    (stat,) = await run_commands(bob, model, "stat tea.txt")
    for line in ("File: hot/drinks/tea.txt", "Type: text/plain", "Chars: 69", "KB: kitchen (kitchen)"):
        assert line in stat
    # A model with attached knowledge sees only that; names that are no longer unique are refused; output ends.
    other = await create_file(server, ada, "other", "x" * 1000)
    await server.services.get(Database).execute(
        "test.name", "UPDATE file SET filename = 'bread.txt' WHERE id = 'other'"
    )
    kitchen = {"type": "collection", "id": "kitchen", "name": "kitchen"}
    await create_helper(ada, kitchen, other)
    ambiguous, long, attached = await run_commands(bob, model, "cat bread.txt", "cat other", "tree", models=[HELPER])
    assert ambiguous.startswith('Ambiguous filename "bread.txt"') and "  other  bread.txt  (attached)" in ambiguous
    assert long.startswith("x" * 300 + "\n[output truncated at 300 chars")
    assert attached.endswith("Attached Files:\n  └── bread.txt\n\n  0 directories, 1 files")
    assert list_tools(model) == ["kb_exec", "query_knowledge_files"]
