"""Arenas: one of several models answers, chosen at random among the models that the user may use."""

from __future__ import annotations

from typing import Any

import aiohttp

from conftest import Person
from page_client import open_page

CHAT = "/api/chat/completions"
EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


async def create_arena(ada: Person, *models: str) -> None:
    """Create the arena `demo-arena`, open to all users."""
    meta = {"model_ids": list(models), "access_grants": EVERYBODY}
    arena = {"id": "demo-arena", "name": "Arena", "meta": meta}
    config = {"evaluation.arena.enable": True, "evaluation.arena.models": [arena]}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()


async def open_model(ada: Person, model: str) -> None:
    form = {"id": model, "name": model, "base_model_id": None, "meta": {}, "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "access_grants": EVERYBODY})).ok()


def question(text: str) -> dict[str, Any]:
    return {"model": "demo-arena", "messages": [{"role": "user", "content": text}]}


async def list_requested_models(upstream: str) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
        return [request["body"]["model"] for request in await reply.json() if "messages" in request["body"]]


async def test_an_arena_uses_only_models_that_the_user_may_use(ada: Person, bob: Person, upstream: str) -> None:
    await create_arena(ada, "demo-small", "demo-large")
    (await bob.post(CHAT, question("Hi [[tokens 1]]"))).refused(400, "Model not found")
    await open_model(ada, "demo-large")
    before = len(await list_requested_models(upstream))
    for _ in range(8):
        (await bob.post(CHAT, question("Hi [[tokens 1]]"))).ok()
    assert (await list_requested_models(upstream))[before:] == ["demo-large"] * 8
    (await ada.post(CHAT, question("Hi [[tokens 1]]"))).ok()


async def test_a_chat_with_an_arena_is_named_by_one_of_its_models(ada: Person, upstream: str) -> None:
    await create_arena(ada, "demo-small")
    async with open_page(ada) as page:
        tasks = {"title_generation": True, "tags_generation": True}
        await page.ask("Hi [[tokens 1]]", models=["demo-arena"], background_tasks=tasks)
        assert await page.wait_for("chat:title") == "💬 A Conversation"
        assert await page.wait_for("chat:tags") == ["General", "Demo"]
    body = {"model": "demo-arena", "messages": [{"role": "user", "content": "What is bread?"}]}
    answer = (await ada.post("/api/v1/tasks/title/completions", body)).ok()
    assert answer["choices"][0]["message"]["content"] == '{"title": "💬 A Conversation"}'
    assert set(await list_requested_models(upstream)) >= {"demo-small"}
