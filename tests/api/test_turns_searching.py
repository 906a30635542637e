"""Turns that search the web, and turns that remember."""

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
from page_client import open_page
from sample_web import TEXT, StubWeb, enable_web_search, serve_web, update_web_settings

CHAT = "/api/chat/completions"
M = "/api/v1/memories"
QUERIES = ["a first search", "a second search"]


@pytest.fixture
async def pages() -> AsyncIterator[StubWeb]:
    async with serve_web() as found:
        found.results = [found.make_result("/garden"), found.make_result("/plain.txt")]
        yield found


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


async def asked(upstream: str) -> list[Any]:
    """What the model server was asked, the last question last."""
    stranger = Person(upstream)
    try:
        return [one["body"] for one in (await stranger.get("/_requests")).ok() if "messages" in one["body"]]
    finally:
        await stranger.close()


async def test_a_turn_searches_reads_and_shows_what_it_rests_on(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages)
    urls = [f"{pages.url}/garden", f"{pages.url}/plain.txt"]
    async with open_page(ada) as page:
        done = await page.ask("When? [[tokens 2]]", features={"web_search": True})
        told = page.list_data("status")
        assert [one["action"] for one in told] == [
            *("web_search", "web_search_queries_generated", "web_search"),
            *("queries_generated", "sources_retrieved"),
        ]
        assert told[0] == {"action": "web_search", "description": "Searching the web", "done": False}
        assert told[1] == {"action": "web_search_queries_generated", "queries": QUERIES, "done": False}
        assert told[2]["description"] == "Searched {{count}} sites" and told[2]["urls"] == urls
        assert told[2]["items"][0] == {"link": urls[0], "title": "garden", "snippet": "About garden"}
        (sources,) = (one["sources"] for one in page.list_data("chat:completion") if "sources" in one)
        about = sources[0]["source"]
        assert about["name"] == "a first search, a second search" and about["type"] == "web_search"
        assert about["urls"] == urls and about["queries"] == QUERIES
        assert about["collection_name"].startswith(f"web-search-{ada.id}-")
        assert {one["source"] for one in sources[0]["metadata"]} == set(urls)
        answer = (await page.get_chat(done["chat_id"]))["chat"]["history"]["messages"][done["answer"]]
        assert answer["sources"] == sources and len(answer["statusHistory"]) == 5
    question = (await asked(upstream))[-1]
    assert TEXT in question["messages"][-1]["content"] and "features" not in question
    assert {one.query["q"] for one in pages.requests if one.path == "/search"} == set(QUERIES)


async def test_whole_pages_where_nothing_is_to_be_embedded(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages, BYPASS_WEB_SEARCH_EMBEDDING_AND_RETRIEVAL=True)
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 2]]", features={"web_search": True})
        (sources,) = (one["sources"] for one in page.list_data("chat:completion") if "sources" in one)
        assert sources[0]["document"] == [TEXT, "a < b\n  & c"] and "collection_name" not in sources[0]["source"]


async def test_a_search_that_fails_is_told_and_the_answer_comes(ada: Person, pages: StubWeb) -> None:
    await enable_web_search(ada, pages)
    pages.results = []
    wrong = {"action": "web_search", "queries": QUERIES, "done": True, "error": True}
    async with open_page(ada) as page:
        done = await page.ask("When? [[tokens 2]]", features={"web_search": True})
        assert page.list_data("status")[-1] == {**wrong, "description": "[ERROR: No results found from web search]"}
        assert (await page.get_chat(done["chat_id"]))["chat"]["history"]["messages"][done["answer"]]["content"]
    await update_web_settings(ada, SEARXNG_QUERY_URL=f"{pages.url}/nowhere")
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 2]]", features={"web_search": True})
        text = "[ERROR: Something went wrong while searching the web.]"
        assert page.list_data("status")[-1] == {**wrong, "description": text}


async def test_a_service_that_reads_no_page_is_done_without(ada: Person, pages: StubWeb) -> None:
    await update_web_settings(ada, WEB_LOADER_ENGINE="nonesuch")
    item = {"type": "url", "name": "the garden", "url": f"{pages.url}/garden"}
    async with open_page(ada) as page:
        await page.ask("When? [[tokens 1]]", files=[item])
        assert page.list_data("chat:message:error") == []
        assert page.list_data("status")[-1]["description"].startswith("Could not be read: the garden.")


async def test_nobody_searches_who_may_not_and_nobody_who_does_not_ask(
    ada: Person, bob: Person, pages: StubWeb, server: Server
) -> None:
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    form = {"id": "demo-small", "name": "demo-small", "access_grants": everybody}
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


async def test_no_model_is_asked_what_to_look_for_where_that_is_switched_off(
    ada: Person, pages: StubWeb, upstream: str
) -> None:
    await enable_web_search(ada, pages)
    tasks = (await ada.get("/api/v1/tasks/config")).ok()
    (await ada.post("/api/v1/tasks/config/update", {**tasks, "ENABLE_SEARCH_QUERY_GENERATION": False})).ok()
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "When? [[tokens 1]]"}]}
    (await ada.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert [one.query["q"] for one in pages.requests if one.path == "/search"] == ["When? [[tokens 1]]"]


@pytest.mark.parametrize("environment", [{"ENABLE_QUERIES_CACHE": "true"}], indirect=True)
async def test_queries_are_thought_of_once_where_that_is_wanted(ada: Person, pages: StubWeb, upstream: str) -> None:
    await enable_web_search(ada, pages)
    word = uuid.uuid4().hex
    body = {"model": "demo-small", "messages": [{"role": "user", "content": f"When is {word}? [[tokens 1]]"}]}
    (await ada.post(CHAT, {**body, "features": {"web_search": True}})).ok()
    assert sum(word in json.dumps(one) for one in await asked(upstream)) == 2


async def remembered(person: Person, content: str, **more: Any) -> None:
    (await person.post(f"{M}/add", {"content": content, **more})).ok()


def prompt_of(question: Any) -> str:
    """The system prompt that the model was sent; empty without one."""
    first = question["messages"][0]
    return first["content"] if first["role"] == "system" else ""


async def test_a_model_is_told_what_it_is_to_remember(ada: Person, upstream: str) -> None:
    await remembered(ada, "Ada is a gardener", type="user")
    await remembered(ada, "Prefers short answers", type="user", path="style")
    await remembered(ada, "The hedge is cut in June", path="home/garden")
    await remembered(ada, "The bicycle is red", path="things")
    text = "And in the garden? [[tokens 1]]"
    async with open_page(ada) as page:
        done = await page.ask(text, features={"memory": True}, messages=[{"role": "system", "content": "Be kind."}])
        told = prompt_of((await asked(upstream))[-1])
        assert told.startswith("Be kind.\n<memory_context>\n[User Memory]\n- Ada is a gardener\n- style: Prefers short")
        assert "[Memory Neighborhood]\n- home/garden: The hedge is cut in June" in told
        assert "[Relevant Context]\n- things: The bicycle is red" in told and told.endswith("</memory_context>")
    async with open_page(ada) as page:
        await page.ask(text, chat_id=done["chat_id"], parent_id=done["answer"])
    assert prompt_of((await asked(upstream))[-1]) == ""


async def test_nothing_is_remembered_where_that_is_not_to_be(ada: Person, upstream: str) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}
    wanted = {**body, "features": {"memory": True}}
    (await ada.post(CHAT, wanted)).ok()
    assert prompt_of((await asked(upstream))[-1]) == ""
    await remembered(ada, "Ada is a gardener", type="user")
    (await ada.post(CHAT, wanted)).ok()
    assert "gardener" in prompt_of((await asked(upstream))[-1])
    settings = (await ada.get("/api/v1/auths/admin/config")).ok()
    for field in ("ENABLE_MEMORY_SYSTEM_CONTEXT", "ENABLE_MEMORIES"):
        (await ada.post("/api/v1/auths/admin/config", {**settings, field: False})).ok()
        (await ada.post(CHAT, wanted)).ok()
        assert prompt_of((await asked(upstream))[-1]) == ""


def reviewing(every: int) -> Any:
    """Variables with which a model looks back after so many questions."""
    more = {"ENABLE_MEMORY_BACKGROUND_REVIEW": "true", "MEMORIES_REVIEW_INTERVAL_TURNS": str(every)}
    return pytest.mark.parametrize("environment", [more], indirect=True)


@reviewing(2)
async def test_a_model_looks_back_after_so_many_questions(
    ada: Person, upstream: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (await ada.post(f"{M}/add", {"content": "Ada has a cat"})).ok()
    told = asyncio.Event()
    operations = [
        {"action": "add", "type": "user", "content": "Ada likes roses", "path": "likes"},
        {"action": "remove", "id": kept["id"]},
    ]
    reviews: list[Any] = []
    real = ModelClient.complete

    async def complete(self: ModelClient, model: Any, payload: Any, asking: Any) -> Any:
        if asking.task != "memory_review":
            return await real(self, model, payload, asking)
        reviews.append(payload)
        told.set()
        content = f"Here you are: {json.dumps({'operations': operations})}"
        return {"choices": [{"message": {"content": content}}]}

    monkeypatch.setattr(ModelClient, "complete", complete)
    async with open_page(ada) as page:
        first = await page.ask("I like roses [[tokens 1]]", features={"memory": True})
        assert not reviews
    async with open_page(ada) as page:
        again = {"chat_id": first["chat_id"], "parent_id": first["answer"]}
        second = await page.ask("Really [[tokens 1]]", features={"memory": True}, **again)
    await asyncio.wait_for(told.wait(), 10)
    asked_for = reviews[0]["messages"][-1]["content"]
    assert "user: I like roses" in asked_for and "assistant: word0" in asked_for and f"id={kept['id']}" in asked_for
    for _ in range(200):
        (memory,) = (await ada.get(f"{M}/")).ok()
        if memory["content"] == "Ada likes roses":
            break
        await asyncio.sleep(0.02)
    about = {"created_by": "background_review", "chat_id": first["chat_id"], "message_id": second["answer"]}
    assert memory["meta"] == {**about, "model": "demo-small"} and memory["path"] == "likes"


@reviewing(1)
async def test_nonsense_changes_no_memories(ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await remembered(ada, "Ada has a cat")
    answers = ["", "no JSON", '{"operations": 5}', '{"operations": [{"action": "burn"}]}']
    answers.append('{"operations": [{"action": "add", "content": "x"}, {"action": "remove", "id": "nothing"}]}')
    left = list(answers)

    async def complete(self: ModelClient, model: Any, payload: Any, asking: Any) -> Any:
        return {"choices": [{"message": {"content": left.pop()}}]}

    monkeypatch.setattr(ModelClient, "complete", complete)
    for _ in answers:
        async with open_page(ada) as page:
            await page.ask("Hi [[tokens 1]]", features={"memory": True})
    for _ in range(100):
        if not left:
            break
        await asyncio.sleep(0.02)
    assert not left
    assert [one["content"] for one in (await ada.get(f"{M}/")).ok()] == ["Ada has a cat"]


def test_what_was_told_before_is_taken_out_of_a_prompt() -> None:
    assert (
        recall.remove_prompt_section("Be kind.\n<memory_context>\nold\n</memory_context>\nAnd short.")
        == "Be kind.\n\nAnd short."
    )
    assert recall.remove_prompt_section("<memory_context> unfinished") == "<memory_context> unfinished"
