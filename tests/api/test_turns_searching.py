"""Turns that search the web, and turns that use memories."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.features.memories import recall
from fastback.providers.client import ModelClient
from fastback.providers.completion import Completion, parse_completion
from page_client import open_page
from sample_web import TEXT, StubWeb, enable_web_search, serve_web, update_web_settings

CHAT = "/api/chat/completions"
MEMORIES = "/api/v1/memories"
QUERIES = ["a first search", "a second search"]
#: Models that call functions themselves search by a tool instead.
SEARCHES: dict[str, Any] = {"features": {"web_search": True}, "params": {"function_calling": "legacy"}}


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as stub:
        stub.results = [stub.make_result("/garden"), stub.make_result("/plain.txt")]
        yield stub


@pytest.fixture
def environment(upstream: str, request: pytest.FixtureRequest) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "k",
        "RAG_TEMPLATE": "Use {{CONTEXT}} for: ",
        "ENABLE_LOCAL_WEB_FETCH": "true",
        **getattr(request, "param", {}),
    }


async def list_requests(upstream: str) -> list[Any]:
    """Return the bodies of the requests to the model server, the latest last."""
    stranger = Person(upstream)
    try:
        return [request["body"] for request in (await stranger.get("/_requests")).ok() if "messages" in request["body"]]
    finally:
        await stranger.close()


async def test_a_turn_searches_the_web_and_shows_its_sources(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages)
    urls = [f"{pages.url}/garden", f"{pages.url}/plain.txt"]
    async with open_page(ada) as page:
        turn = await page.ask("When? [[tokens 2]]", **SEARCHES)
        statuses = page.list_data("status")
        assert [status["action"] for status in statuses] == [
            *("web_search", "web_search_queries_generated", "web_search"),
            *("queries_generated", "sources_retrieved"),
        ]
        assert statuses[0] == {"action": "web_search", "description": "Searching the web", "done": False}
        assert statuses[1] == {"action": "web_search_queries_generated", "queries": QUERIES, "done": False}
        assert statuses[2]["description"] == "Searched {{count}} sites" and statuses[2]["urls"] == urls
        assert statuses[2]["items"][0] == {"link": urls[0], "title": "garden", "snippet": "About garden"}
        (sources,) = (data["sources"] for data in page.list_data("chat:completion") if "sources" in data)
        source = sources[0]["source"]
        assert source["name"] == "a first search, a second search" and source["type"] == "web_search"
        assert source["urls"] == urls and source["queries"] == QUERIES
        assert source["collection_name"].startswith(f"web-search-{ada.id}-")
        assert {metadata["source"] for metadata in sources[0]["metadata"]} == set(urls)
        answer = (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]
        assert answer["sources"] == sources and len(answer["statusHistory"]) == 5
    question = (await list_requests(upstream))[-1]
    assert TEXT in question["messages"][-1]["content"] and "features" not in question
    assert {request.query["q"] for request in pages.requests if request.path == "/search"} == set(QUERIES)


async def test_whole_pages_are_used_if_embedding_is_bypassed(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 2]]", **SEARCHES)
        (sources,) = (data["sources"] for data in page.list_data("chat:completion") if "sources" in data)
        assert sources[0]["document"] == [TEXT, "a < b\n  & c"] and "collection_name" not in sources[0]["source"]


async def test_a_failed_search_is_reported_and_the_answer_follows(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    pages.results = []
    failure = {"action": "web_search", "queries": QUERIES, "done": True, "error": True}
    async with open_page(ada) as page:
        turn = await page.ask("When? [[tokens 2]]", **SEARCHES)
        assert page.list_data("status")[-1] == {**failure, "description": "[ERROR: No results found from web search]"}
        assert (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]["content"]
    await update_web_settings(ada, SEARXNG_QUERY_URL=f"{pages.url}/nowhere")
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 2]]", **SEARCHES)
        text = "[ERROR: Something went wrong while searching the web.]"
        assert page.list_data("status")[-1] == {**failure, "description": text}


async def test_an_unknown_page_loader_does_not_prevent_the_answer(ada: Person, pages: StubWeb) -> None:
    await update_web_settings(ada, WEB_LOADER_ENGINE="nonesuch")
    item = {"type": "url", "name": "the garden", "url": f"{pages.url}/garden"}
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 1]]", files=[item])
        assert page.list_data("chat:message:error") == []
        assert page.list_data("status")[-1]["description"].startswith("Could not be read: the garden.")


async def test_the_web_is_searched_only_if_permitted_and_requested(
    ada: Person, bob: Person, pages: StubWeb, server: Server
) -> None:
    public_grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    form = {"id": "demo-small", "name": "demo-small", "access_grants": public_grants}
    (await ada.post("/api/v1/models/model/access/update", form)).ok()
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "When? [[tokens 1]]"}]}
    (await bob.post(CHAT, {**body, "features": {"web_search": True}})).ok()  # switched off
    await enable_web_search(ada, pages)
    (await bob.post(CHAT, body)).ok()
    (await bob.post(CHAT, {**body, "features": {"web_search": False}})).ok()
    tree = (await ada.get("/api/v1/users/default/permissions")).ok()
    tree["features"]["web_search"] = False
    (await ada.post("/api/v1/users/default/permissions", tree)).ok()
    (await bob.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert not pages.requests
    answer = (await ada.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert answer["sources"][0]["source"]["type"] == "web_search"


async def test_the_question_is_the_query_if_query_generation_is_disabled(
    ada: Person, pages: StubWeb, upstream: str
) -> None:
    await enable_web_search(ada, pages)
    tasks = (await ada.get("/api/v1/tasks/config")).ok()
    (await ada.post("/api/v1/tasks/config/update", {**tasks, "ENABLE_SEARCH_QUERY_GENERATION": False})).ok()
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "When? [[tokens 1]]"}]}
    (await ada.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert [request.query["q"] for request in pages.requests if request.path == "/search"] == ["When? [[tokens 1]]"]


@pytest.mark.parametrize("environment", [{"ENABLE_QUERIES_CACHE": "true"}], indirect=True)
async def test_generated_queries_are_cached_if_enabled(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages)
    word = uuid.uuid4().hex
    body = {"model": "demo-small", "messages": [{"role": "user", "content": f"When is {word}? [[tokens 1]]"}]}
    (await ada.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert sum(word in json.dumps(request) for request in await list_requests(upstream)) == 2


async def add_memory(person: Person, content: str, **more: Any) -> None:
    (await person.post(f"{MEMORIES}/add", {"content": content, **more})).ok()


def get_system_prompt(question: Any) -> str:
    """Return the system prompt that the model received, or an empty text."""
    first = question["messages"][0]
    return first["content"] if first["role"] == "system" else ""


async def test_memories_are_added_to_the_system_prompt(ada: Person, upstream: str) -> None:
    await add_memory(ada, "Ada is a gardener", type="user")
    await add_memory(ada, "Prefers short answers", type="user", path="style")
    await add_memory(ada, "The hedge is cut in June", path="home/garden")
    await add_memory(ada, "The bicycle is red", path="things")
    text = "And in the garden? [[tokens 1]]"
    async with open_page(ada) as page:
        turn = await page.ask(text, features={"memory": True}, messages=[{"role": "system", "content": "Be kind."}])
        prompt = get_system_prompt((await list_requests(upstream))[-1])
        assert prompt.startswith(
            "Be kind.\n<memory_context>\n[User Memory]\n- Ada is a gardener\n- style: Prefers short"
        )
        assert "[Memory Neighborhood]\n- home/garden: The hedge is cut in June" in prompt
        assert "[Relevant Context]\n- things: The bicycle is red" in prompt and prompt.endswith("</memory_context>")
    async with open_page(ada) as page:
        await page.ask(text, chat_id=turn["chat_id"], parent_id=turn["answer"])
    assert get_system_prompt((await list_requests(upstream))[-1]) == ""


async def test_disabled_memories_are_not_added(ada: Person, upstream: str) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}
    question = {**body, "features": {"memory": True}}
    (await ada.post(CHAT, question)).ok()
    assert get_system_prompt((await list_requests(upstream))[-1]) == ""
    await add_memory(ada, "Ada is a gardener", type="user")
    (await ada.post(CHAT, question)).ok()
    assert "gardener" in get_system_prompt((await list_requests(upstream))[-1])
    settings = (await ada.get("/api/v1/auths/admin/config")).ok()
    for field in ("ENABLE_MEMORY_SYSTEM_CONTEXT", "ENABLE_MEMORIES"):
        (await ada.post("/api/v1/auths/admin/config", {**settings, field: False})).ok()
        (await ada.post(CHAT, question)).ok()
        assert get_system_prompt((await list_requests(upstream))[-1]) == ""


def with_review_interval(interval: int) -> Any:
    """Return a mark that enables the background review of memories after `every` questions."""
    more = {"ENABLE_MEMORY_BACKGROUND_REVIEW": "true", "MEMORIES_REVIEW_INTERVAL_TURNS": str(interval)}
    return pytest.mark.parametrize("environment", [more], indirect=True)


def build_completion(text: str) -> Completion:
    body = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]})
    return parse_completion(body.encode(), "openai", "demo-small")


@with_review_interval(2)
async def test_memories_are_reviewed_after_a_number_of_questions(
    ada: Person, upstream: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    existing = (await ada.post(f"{MEMORIES}/add", {"content": "Ada has a cat"})).ok()
    reviewed = asyncio.Event()
    operations = [
        {"action": "add", "type": "user", "content": "Ada likes roses", "path": "likes"},
        {"action": "remove", "id": existing["id"]},
    ]
    reviews: list[Any] = []
    original = ModelClient.complete

    async def complete(self: ModelClient, model: Any, payload: Any, generation: Any) -> Any:
        if generation.task != "memory_review":
            return await original(self, model, payload, generation)
        reviews.append(payload)
        reviewed.set()
        content = f"Here you are: {json.dumps({'operations': operations})}"
        return build_completion(content)

    monkeypatch.setattr(ModelClient, "complete", complete)
    async with open_page(ada) as page:
        first = await page.ask("I like roses [[tokens 1]]", features={"memory": True})
        assert not reviews
    async with open_page(ada) as page:
        continuation = {"chat_id": first["chat_id"], "parent_id": first["answer"]}
        second = await page.ask("Really [[tokens 1]]", features={"memory": True}, **continuation)
    await asyncio.wait_for(reviewed.wait(), 10)
    prompt = reviews[0]["messages"][-1]["content"]
    assert "user: I like roses" in prompt and "assistant: word0" in prompt and f"id={existing['id']}" in prompt
    for _ in range(200):
        (memory,) = (await ada.get(f"{MEMORIES}/")).ok()
        if memory["content"] == "Ada likes roses":
            break
        await asyncio.sleep(0.02)
    expected_meta = {"created_by": "background_review", "chat_id": first["chat_id"], "message_id": second["answer"]}
    assert memory["meta"] == {**expected_meta, "model": "demo-small"} and memory["path"] == "likes"


@with_review_interval(1)
async def test_invalid_reviews_change_no_memories(ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_memory(ada, "Ada has a cat")
    answers = ["", "no JSON", '{"operations": 5}', '{"operations": [{"action": "burn"}]}']
    answers.append('{"operations": [{"action": "add", "content": "x"}, {"action": "remove", "id": "nothing"}]}')
    remaining = list(answers)

    async def complete(self: ModelClient, model: Any, payload: Any, generation: Any) -> Any:
        return build_completion(remaining.pop())

    monkeypatch.setattr(ModelClient, "complete", complete)
    for _ in answers:
        async with open_page(ada) as page:
            await page.ask("Hi [[tokens 1]]", features={"memory": True})
    for _ in range(100):
        if not remaining:
            break
        await asyncio.sleep(0.02)
    assert not remaining
    assert [memory["content"] for memory in (await ada.get(f"{MEMORIES}/")).ok()] == ["Ada has a cat"]


def test_earlier_memories_are_removed_from_a_prompt() -> None:
    assert (
        recall.remove_prompt_section("Be kind.\n<memory_context>\nold\n</memory_context>\nAnd short.")
        == "Be kind.\n\nAnd short."
    )
    assert recall.remove_prompt_section("<memory_context> unfinished") == "<memory_context> unfinished"
