"""Sources of a question: reading, searching, placement in the prompt, display below the answer, storage with it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.kit.db import Database
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import Document, VectorStore
from page_client import open_page
from source_samples import create_file, create_knowledge, grant_read_access

CHAT = "/api/chat/completions"
TEMPLATE = "Use {{CONTEXT}} for: "


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "RAG_TEMPLATE": TEMPLATE,
    }


async def get_last_question(upstream: str, task: bool = False) -> Any:
    """Return the last question that the model server received; with `task` the one before, which asked for queries."""
    stranger = Person(upstream)
    try:
        bodies = [
            request["body"] for request in (await stranger.get("/_requests")).ok() if "messages" in request["body"]
        ]
        return bodies[-2 if task else -1]
    finally:
        await stranger.close()


def make_question(text: str, *files: Any, **more: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], "files": files, **more}


def make_text_item(content: str, name: str = "tea.txt", **more: Any) -> dict[str, Any]:
    return {"type": "text", "id": name, "name": name, "content": content, **more}


async def share_model(ada: Person) -> None:
    """Let all users use the model."""
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    form = {"id": "demo-small", "name": "demo-small", "access_grants": public_grants}
    (await ada.post("/api/v1/models/model/access/update", form)).ok()


async def test_retrieved_sources_are_shown_and_stored(ada: Person, upstream: str) -> None:
    collection = f"web-search-{ada.id}-tea"
    body = {"name": "tea.txt", "content": "Green tea: 70 degrees.", "collection_name": collection}
    (await ada.post("/api/v1/retrieval/process/text", body)).ok()
    item = {"type": "web_search", "name": "tea", "collection_name": collection}
    async with open_page(ada) as page:
        turn = await page.ask("How hot? [[tokens 3]]", files=[item])
        assert page.list_data("status") == [
            {"action": "queries_generated", "queries": ["a first search", "a second search"], "done": False},
            {"action": "sources_retrieved", "count": 1, "done": True},
        ]
        (sources,) = (data["sources"] for data in page.list_data("chat:completion") if "sources" in data)
        assert sources[0]["source"] == item
        assert sources[0]["document"] == ["Green tea: 70 degrees."]
        assert sources[0]["metadata"][0]["name"] == "tea.txt" and 0 < sources[0]["distances"][0] < 1
        events = [event["data"] for event in page.events]
        sources_index = next(
            position for position, event in enumerate(events) if "sources" in (event.get("data") or {})
        )
        text_index = next(position for position, event in enumerate(events) if event["type"] == "response:completion")
        assert sources_index < text_index
        answer = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]
        assert answer["sources"] == sources
        assert [status["action"] for status in answer["statusHistory"]] == ["queries_generated", "sources_retrieved"]
        assert answer["content"] == "word0 word1 word2"
    source_text = '<source id="1" name="tea" resource-type="web_search">Green tea: 70 degrees.</source>'
    content = (await get_last_question(upstream))["messages"][-1]["content"]
    assert content == f"Use {source_text} for: \nHow hot? [[tokens 3]]"


async def test_a_page_that_opens_the_chat_during_an_answer_sees_the_status(ada: Person) -> None:
    nowhere = {"type": "url", "url": "http://127.0.0.1:9/page", "name": "a page"}
    async with open_page(ada) as page:
        body = page.build_body("And? [[slow]]", files=[nowhere])
        chat_id = (await ada.post(CHAT, body)).ok()["chat_id"]
        await page.wait_for("status", lambda status: status["action"] == "note")
        for expected in (False, True):
            for _ in range(50):
                answer = (await page.get_chat(chat_id))["chat"]["history"]["messages"][body["id"]]
                if len(answer.get("statusHistory", [])) == 3:
                    break
                await asyncio.sleep(0.05)
            actions = [status["action"] for status in answer["statusHistory"]]
            assert actions == ["queries_generated", "sources_retrieved", "note"]
            assert answer["done"] is expected
            (await ada.post(f"/api/tasks/chat/{chat_id}/stop")).ok()


async def test_sources_of_answers_over_the_api(ada: Person, upstream: str) -> None:
    items = [make_text_item("Green tea: 70 degrees."), make_text_item("Black tea: 100 degrees.", "black.txt")]
    answer = (await ada.post(CHAT, make_question("How hot? [[tokens 2]]", *items))).ok()
    assert [source["document"] for source in answer["sources"]] == [
        ["Green tea: 70 degrees."],
        ["Black tea: 100 degrees."],
    ]
    assert answer["choices"][0]["message"]["content"] == "word0 word1 "
    content = (await get_last_question(upstream))["messages"][-1]["content"]
    assert '<source id="1" name="tea.txt" resource-type="text">Green' in content
    assert '<source id="2" name="black.txt" resource-type="text">Black' in content
    stream = await ada.post(CHAT, make_question("How hot? [[tokens 2]]", *items, stream=True))
    first, *further = [line for line in stream.text.split("\n\n") if line]
    assert first.startswith('data: {"sources":[{"source":{"type":"text"') and further[-1] == "data: [DONE]"


async def test_placeholders_in_sources_stay_and_images_need_no_queries(ada: Person, upstream: str) -> None:
    item = make_text_item('{{QUERY}} [query] {{CONTEXT}} </source><source id="9">', 'a"b.txt')
    (await ada.post(CHAT, make_question("{{CONTEXT}}? [[tokens 1]]", item))).ok()
    content = (await get_last_question(upstream))["messages"][-1]["content"]
    assert content.startswith(
        'Use <source id="1" name="a&quot;b.txt" resource-type="text">{{QUERY}} [query] {{CONTEXT}}'
    )
    assert content.endswith("for: \n{{CONTEXT}}? [[tokens 1]]")
    picture = {"type": "image", "url": "data:image/png;base64,AA=="}
    before = await get_last_question(upstream)
    answer = (await ada.post(CHAT, make_question("What is it? [[tokens 1]]", picture))).ok()
    assert "sources" not in answer
    assert await get_last_question(upstream, task=True) == before  # no queries were generated


async def test_parts_of_a_question_keep_their_order(ada: Person, upstream: str) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "What is it? [[tokens 1]]"},
    ]
    body = {**make_question("", make_text_item("A cat.")), "messages": [{"role": "user", "content": parts}]}
    (await ada.post(CHAT, body)).ok()
    content = (await get_last_question(upstream))["messages"][-1]["content"]
    assert content[0]["type"] == "image_url"
    assert content[1]["text"].startswith("Use <source") and content[1]["text"].endswith("What is it? [[tokens 1]]")


async def test_full_context_items_need_no_queries(ada: Person, upstream: str) -> None:
    item = make_text_item(
        "Ignored.", context="full", file={"data": {"content": "All of it."}, "meta": {"name": "all.txt"}}
    )
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", files=[item])
        assert page.list_data("status") == [{"action": "sources_retrieved", "count": 1, "done": True}]
    assert ">All of it.</source>" in (await get_last_question(upstream))["messages"][-1]["content"]


async def test_only_readable_chats_become_sources(ada: Person, bob: Person, upstream: str, server: Server) -> None:
    await share_model(ada)
    chat = {"title": "Talk", "history": {"currentId": "b", "messages": {
        "a": {"id": "a", "parentId": None, "childrenIds": ["b"], "role": "user", "content": "Who is there?"},
        "b": {"id": "b", "parentId": "a", "childrenIds": [], "role": "assistant", "content": "Nobody."},
    }}}  # fmt: skip
    chat_id = (await bob.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    answer = (
        await bob.post(CHAT, make_question("And? [[tokens 1]]", {"type": "chat", "id": chat_id, "name": "Talk"}))
    ).ok()
    assert answer["sources"][0]["document"] == ["#### User\nWho is there?\n\n#### Assistant\nNobody.\n"]
    assert answer["sources"][0]["metadata"] == [{"file_id": chat_id, "name": "Talk"}]
    cy = await server.add_user(ada, "Cy")
    unreadable = (
        await cy.post(CHAT, make_question("And? [[tokens 1]]", {"type": "chat", "id": chat_id, "name": "Talk"}))
    ).ok()
    assert "sources" not in unreadable


async def test_a_models_knowledge_is_read_for_each_question(ada: Person, upstream: str) -> None:
    item = {"type": "text", "name": "house.txt", "id": "h", "content": "The key lies below the mat."}
    form = {"id": "helper", "name": "Helper", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"knowledge": [item]}})).ok()
    async with open_page(ada) as page:
        await page.ask("Where is the key? [[tokens 1]]", models=["helper"])
        statuses = [(status["action"], status["done"]) for status in page.list_data("status")]
        assert statuses == [
            ("knowledge_search", False),
            ("queries_generated", False),
            ("sources_retrieved", True),
            ("knowledge_search", True),
        ]
        assert page.list_data("status")[-1]["hidden"] is True
        assert page.list_data("status")[0]["query"] == "Where is the key? [[tokens 1]]"
    assert "below the mat" in (await get_last_question(upstream))["messages"][-1]["content"]
    meta = {"knowledge": [item], "capabilities": {"file_context": False}}
    (await ada.post("/api/v1/models/model/update", {**form, "meta": meta})).ok()
    (await ada.post(CHAT, {**make_question("Where? [[tokens 1]]"), "model": "helper"})).ok()
    assert (await get_last_question(upstream))["messages"][-1]["content"] == "Where? [[tokens 1]]"


async def test_a_failing_engine_leaves_the_answer_without_passages(ada: Person) -> None:
    collection = f"web-search-{ada.id}-tea"
    body = {"name": "tea.txt", "content": "Green tea: 70 degrees.", "collection_name": collection}
    (await ada.post("/api/v1/retrieval/process/text", body)).ok()
    dead_config = {"url": "http://127.0.0.1:9/v1", "key": "k"}
    form = {"RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": "demo-embedding", "openai_config": dead_config}
    (await ada.post("/api/v1/retrieval/embedding/update", form)).ok()
    item = {"type": "web_search", "name": "tea", "collection_name": collection}
    answer = (await ada.post(CHAT, make_question("How hot? [[tokens 1]]", item, make_text_item("Tea is hot.")))).ok()
    assert [source["document"] for source in answer["sources"]] == [["Tea is hot."]]
    query = {"collection_name": collection, "query": "How hot?"}
    (await ada.post("/api/v1/retrieval/query/doc", query)).refused(400, "[ERROR: Error querying knowledge base]")


async def test_invalid_items_are_skipped(ada: Person) -> None:
    docs = [{"content": "One.", "metadata": {"file_id": "a"}}, {"content": "Two.", "metadata": {"file_id": ["a"]}}]
    invalid_items = [
        {"type": "file", "id": ["a"]},
        {"type": {}, "id": {}},
        {"type": "collection", "id": {}, "legacy": 1},
    ]
    invalid_items += [{"type": kind, "id": "a\x00"} for kind in ("file", "folder", "note", "chat", "collection")]
    legacy = {"type": "collection", "id": ["a"], "legacy": True, "collection_names": [f"web-search-{ada.id}-none"]}
    answer = (
        await ada.post(
            CHAT, make_question("Well? [[tokens 1]]", *invalid_items, legacy, {"name": "found", "docs": docs})
        )
    ).ok()
    assert [source["document"] for source in answer["sources"]] == [[], ["One.", "Two."]]


async def test_an_svg_is_read_as_text(server: Server, ada: Person, upstream: str) -> None:
    drawing = {**await create_file(server, ada, "drawing", "<svg>A house.</svg>"), "content_type": "image/svg+xml"}
    assert await list_source_texts(ada, {**drawing, "context": "full"}) == [["<svg>A house.</svg>"]]
    assert await list_source_texts(ada, {**drawing, "context": "full", "content_type": "image/png"}) == []


async def test_passages_are_added_to_the_system_prompt(start_server: Any, upstream: str) -> None:
    async with start_server(
        RAG_SYSTEM_CONTEXT="true", RAG_TEMPLATE=TEMPLATE, RAG_SOURCE_METADATA_KEYS="title"
    ) as server:
        eve = await server.sign_up("Eve")
        docs = [{"content": "One.", "metadata": {"source": "a", "title": "<A>"}}, {"content": "Two.", "metadata": None}]
        (await eve.post(CHAT, make_question("Well? [[tokens 1]]", {"name": "found", "docs": docs}))).ok()
        messages = (await get_last_question(upstream))["messages"]
    assert messages[0]["role"] == "system" and messages[1]["content"] == "Well? [[tokens 1]]"
    assert '<source id="1" name="found" title="&lt;A&gt;">One.</source>' in messages[0]["content"]
    assert '<source id="2" name="found">Two.</source>' in messages[0]["content"]


async def test_items_that_cannot_be_read_are_reported(ada: Person) -> None:
    unreachable = {"type": "url", "url": "http://127.0.0.1:9/page", "name": "a page"}
    reply = await ada.post(CHAT, make_question("Hi [[tokens 1]]", unreachable))
    assert reply.status == 200 and "a page" in reply.headers["x-fastback-note"]
    assert "x-fastback-note" not in (await ada.post(CHAT, make_question("Hi [[tokens 1]]"))).headers
    async with open_page(ada) as page:
        turn = await page.ask("Hi [[tokens 1]]", files=[unreachable])
        answer = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]
        assert answer["statusHistory"][-1]["description"].startswith("Could not be read: a page.")


async def test_api_clients_query_passages(ada: Person, bob: Person) -> None:
    collection = f"web-search-{ada.id}-tea"
    body = {"name": "tea.txt", "content": "Green tea: 70 degrees.", "collection_name": collection}
    (await ada.post("/api/v1/retrieval/process/text", body)).ok()
    (passage,) = (await ada.get("/api/v1/retrieval/query", collection=collection, q="How hot?", k=3)).ok()
    assert passage["text"] == "Green tea: 70 degrees." and passage["metadata"]["name"] == "tea.txt" and passage["id"]
    assert 0 < passage["score"] < 1
    (await bob.get("/api/v1/retrieval/query", collection=collection, q="How hot?")).refused(403)
    assert (await ada.get("/api/v1/retrieval/query", q="How hot?")).status == 422


async def list_source_texts(person: Person, *files: Any, **more: Any) -> list[Any]:
    """Return the texts of an answer's sources, by item."""
    answer = (await person.post(CHAT, make_question("Well? [[tokens 1]]", *files, **more))).ok()
    return [source["document"] for source in answer.get("sources", [])]


async def test_only_readable_files_and_knowledge_become_sources(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    await share_model(ada)
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    bread = await create_file(server, bob, "bread", "Bread: 230 degrees.")
    baking = await create_knowledge(server, bob, "baking", "bread")
    answer_sources = (await bob.post(CHAT, make_question("How hot? [[tokens 1]]", tea, baking))).ok()["sources"]
    assert [source["document"] for source in answer_sources] == [["Green tea: 70 degrees."], ["Bread: 230 degrees."]]
    # Files are shown by the names that they have now.
    assert answer_sources[0]["metadata"][0]["name"] == "The tea.txt" == answer_sources[0]["metadata"][0]["source"]
    assert answer_sources[1]["metadata"][0]["knowledge_id"] == "baking"
    assert await list_source_texts(cy, tea, bread, baking) == []
    assert await list_source_texts(ada, tea, bread) == [["Green tea: 70 degrees."], ["Bread: 230 degrees."]]
    await grant_read_access(server, "knowledge", "baking", cy)
    # Shared knowledge makes its files readable; a collection that two items name is searched once.
    assert await list_source_texts(cy, tea, bread, baking) == [["Bread: 230 degrees."], ["Bread: 230 degrees."]]
    assert await list_source_texts(cy, baking, {**baking, "name": "again"}) == [["Bread: 230 degrees."]]
    query = {"collection_names": ["baking", "file-bread"], "query": "Bread?"}
    assert (await cy.post("/api/v1/retrieval/query/collection", query)).ok()["documents"] == [["Bread: 230 degrees."]]
    (await cy.post("/api/v1/retrieval/query/doc", {"collection_name": "file-tea", "query": "a"})).refused(403)


async def test_full_files_and_knowledge(server: Server, ada: Person, bob: Person) -> None:
    await share_model(ada)
    long = "\n\n".join(f"Paragraph {n} of the text on tea. " * 12 for n in range(6))
    tea = await create_file(server, ada, "tea", long)
    house = await create_knowledge(server, ada, "house", "tea")
    assert await list_source_texts(ada, {**tea, "context": "full"}, {**house, "context": "full"}) == [[long], [long]]
    assert await list_source_texts(bob, {**tea, "context": "full"}, {**house, "context": "full"}) == []
    item = {**tea, "context": "full", "file": {"data": {"content": "As the page has it."}}}
    assert await list_source_texts(bob, item) == [["As the page has it."]]
    # With full context all chunks are shown, in their order.
    (await ada.post("/api/v1/retrieval/config/update", {"RAG_FULL_CONTEXT": True})).ok()
    (chunks,) = await list_source_texts(ada, tea)
    assert len(chunks) == 3 and [chunk[:11] for chunk in chunks] == sorted(chunk[:11] for chunk in chunks)
    (await ada.post("/api/v1/retrieval/config/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": True})).ok()
    assert await list_source_texts(ada, tea, house) == [[long], [long]]


async def test_a_folders_files_are_read_for_its_chats(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    await share_model(ada)
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    foreign_file = await create_file(server, ada, "secret", "The key lies below the mat.")
    data = {"files": [tea, foreign_file], "system_prompt": "Be brief."}
    folder = (await bob.post("/api/v1/folders/", {"name": "Kitchen", "data": {"files": [tea]}})).ok()["id"]
    db = server.services.get(Database)
    # The file of another user in the folder is not read: Bob cannot share it.
    await db.execute("test.folder", "UPDATE folder SET data = :data WHERE id = :id", data=json.dumps(data), id=folder)
    assert await list_source_texts(bob, folder_id=folder) == [["Green tea: 70 degrees."]]
    assert await list_source_texts(cy, folder_id=folder) == []
    await grant_read_access(server, "folder", folder, cy)
    assert await list_source_texts(cy, folder_id=folder) == [["Green tea: 70 degrees."]]


async def test_a_note_is_read_for_the_chats_about_it(server: Server, ada: Person, bob: Person, upstream: str) -> None:
    await share_model(ada)
    tea = await create_file(server, bob, "tea", "Green tea: 70 degrees.")
    data = {"content": {"md": "Buy milk."}, "files": [tea, {"type": "image", "url": "data:image/png;base64,AA=="}]}
    note = (await bob.post("/api/v1/notes/create", {"title": "List", "data": data})).ok()["id"]
    chat = (await bob.get(f"/api/v1/notes/{note}/chat")).ok()["id"]
    async with open_page(bob) as page:
        await page.ask("What? [[tokens 1]]", chat_id=chat)
        (note_sources,) = (data["sources"] for data in page.list_data("chat:completion") if "sources" in data)
    assert [source["document"] for source in note_sources] == [["Buy milk."], ["Green tea: 70 degrees."]]
    assert note_sources[0]["source"] == {"type": "note", "id": note, "name": "List"}
    assert ">Buy milk.</source>" in (await get_last_question(upstream))["messages"][-1]["content"]
    # Naming the note does not reveal it to users without access.
    assert await list_source_texts(ada, {"type": "note_with_files", "id": note}) == [
        ["Buy milk."],
        ["Green tea: 70 degrees."],
    ]
    cy = await server.add_user(ada, "Cy")
    assert await list_source_texts(cy, {"type": "note_with_files", "id": note}) == []


async def test_a_shared_chat_makes_its_files_readable(server: Server, ada: Person, bob: Person) -> None:
    await share_model(ada)
    tea = await create_file(server, ada, "tea", "Green tea: 70 degrees.")
    async with open_page(ada) as page:
        body = page.build_body("How hot? [[tokens 1]]", files=[tea])
        body["user_message"]["files"] = [tea, {"type": "file", "id": "nothing"}]
        started = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
    rows = await server.services.get(Database).fetch_all(str, "test.rows", "SELECT file_id FROM chat_file")
    assert rows == ["tea"]
    assert await list_source_texts(bob, tea) == []
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    (await ada.post(f"/api/v1/chats/{started['chat_id']}/share")).ok()
    (await ada.post(f"/api/v1/chats/shared/{started['chat_id']}/access/update", {"access_grants": public_grants})).ok()
    assert await list_source_texts(bob, tea) == [["Green tea: 70 degrees."]]


async def test_hybrid_search_combines_words_and_vectors(server: Server, ada: Person) -> None:
    for number in range(30):
        await server.services.get(Indexer).index_documents(
            "shelf", [Document(f"Book {number} is about {'zebras' if number == 17 else 'birds'}.")], add=number > 0
        )
    query = {"collection_names": ["shelf"], "query": "Are there zebras?", "k": 3}
    (await ada.post("/api/v1/retrieval/config/update", {"ENABLE_RAG_HYBRID_SEARCH": True, "TOP_K_RERANKER": 3})).ok()
    # The vectors of the demo server carry no meaning: only the word search finds the right book.
    result = (await ada.post("/api/v1/retrieval/query/collection", query)).ok()
    assert "Book 17 is about zebras." in result["documents"][0] and len(result["documents"][0]) == 3
    assert all(metadata["_chunk_hash"] and metadata["score"] <= 1 for metadata in result["metadatas"][0])
    only_words = {**query, "hybrid_bm25_weight": 1}
    result = (await ada.post("/api/v1/retrieval/query/collection", only_words)).ok()
    assert result["documents"][0][0] == "Book 17 is about zebras."


async def test_an_external_reranker_decides_the_order(server: Server, ada: Person) -> None:
    texts = ["Cats purr.", "Dogs bark.", "Cows moo.", "Ducks quack."]
    await server.services.get(Indexer).index_documents("animals", [Document(text) for text in texts])
    requests: list[dict[str, Any]] = []

    async def rerank(request: web.Request) -> web.Response:
        body = await request.json()
        requests.append({**body, "key": request.headers["authorization"]})
        if body["query"] == "fail":
            return web.Response(status=500)
        scores = [{"index": index, "relevance_score": len(text)} for index, text in enumerate(body["documents"])]
        return web.json_response({"results": scores[::-1]})

    application = web.Application()
    application.router.add_post("/rerank", rerank)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = {
        "ENABLE_RAG_HYBRID_SEARCH": True,
        "RAG_RERANKING_ENGINE": "external",
        "RAG_RERANKING_MODEL": "judge",
        "RAG_EXTERNAL_RERANKER_URL": f"http://127.0.0.1:{port}/rerank",
        "RAG_EXTERNAL_RERANKER_API_KEY": "secret",
        "TOP_K": 4,
        "TOP_K_RERANKER": 2,
    }
    try:
        (await ada.post("/api/v1/retrieval/config/update", settings)).ok()
        query = {"collection_names": ["animals"], "query": "Who?"}
        result = (await ada.post("/api/v1/retrieval/query/collection", query)).ok()
        assert result["documents"][0][0] == "Ducks quack." and result["distances"][0] == [12.0, 10.0]
        assert requests[0]["model"] == "judge" and requests[0]["top_n"] == 4 and requests[0]["key"] == "Bearer secret"
        assert sorted(requests[0]["documents"]) == sorted(texts)
        filtered = (await ada.post("/api/v1/retrieval/query/collection", {**query, "r": 11})).ok()
        assert filtered["documents"] == [["Ducks quack."]]
        # A reranker that fails leaves the order of the search.
        failed = (await ada.post("/api/v1/retrieval/query/collection", {**query, "query": "fail"})).ok()
        assert len(failed["documents"][0]) == 2
    finally:
        await runner.cleanup()


async def test_a_reset_deletes_all_files_and_vectors(server: Server, ada: Person, tmp_path: Path) -> None:
    await create_file(server, ada, "tea", "Green tea: 70 degrees.")
    await create_knowledge(server, ada, "house", "tea")
    assert (await ada.post("/api/v1/retrieval/delete", {"collection_name": "house", "file_id": "tea"})).ok() == {
        "status": True
    }
    query = {"collection_name": "house", "query": "tea"}
    assert (await ada.post("/api/v1/retrieval/query/doc", query)).ok()["documents"] == [[]]
    uploads = tmp_path / "uploads"
    (uploads / "below").mkdir(parents=True)
    (uploads / "below" / "a.txt").write_text("a")
    (uploads / "b.txt").write_text("b")
    assert (await ada.post("/api/v1/retrieval/reset/uploads")).ok() is True
    assert list(uploads.iterdir()) == []
    assert (await ada.post("/api/v1/retrieval/reset/db")).ok() is None
    assert (await ada.get("/api/v1/knowledge/")).ok()["total"] == 0
    assert await server.services.get(VectorStore).list_collections() == []
