"""Arenas: one of several models answers, by chance, of those that the asker may use."""

from __future__ import annotations

from typing import Any

import aiohttp

from conftest import Person
from page_client import open_page

CHAT = "/api/chat/completions"
EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


async def an_arena(ada: Person, *models: str) -> None:
    """An arena that is open to everybody, as `demo-arena`."""
    meta = {"model_ids": list(models), "access_grants": EVERYBODY}
    arena = {"id": "demo-arena", "name": "Arena", "meta": meta}
    config = {"evaluation.arena.enable": True, "evaluation.arena.models": [arena]}
    (await ada.post("/api/v1/configs/import", {"config": config})).ok()


async def opened(ada: Person, model: str) -> None:
    form = {"id": model, "name": model, "base_model_id": None, "meta": {}, "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "access_grants": EVERYBODY})).ok()


def question(text: str) -> dict[str, Any]:
    return {"model": "demo-arena", "messages": [{"role": "user", "content": text}]}


async def asked(upstream: str) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
        return [one["body"]["model"] for one in await reply.json() if "messages" in one["body"]]


async def test_an_arena_gives_nobody_models_that_they_may_not_use(ada: Person, bob: Person, upstream: str) -> None:
    await an_arena(ada, "demo-small", "demo-large")
    (await bob.post(CHAT, question("Hi [[tokens 1]]"))).refused(400, "Model not found")
    await opened(ada, "demo-large")
    before = len(await asked(upstream))
    for _ in range(8):
        (await bob.post(CHAT, question("Hi [[tokens 1]]"))).ok()
    assert (await asked(upstream))[before:] == ["demo-large"] * 8
    (await ada.post(CHAT, question("Hi [[tokens 1]]"))).ok()


async def test_a_chat_with_an_arena_is_named_by_one_of_its_models(ada: Person, upstream: str) -> None:
    await an_arena(ada, "demo-small")
    async with open_page(ada) as page:
        tasks = {"title_generation": True, "tags_generation": True}
        await page.ask("Hi [[tokens 1]]", models=["demo-arena"], background_tasks=tasks)
        assert await page.wait_for("chat:title") == "💬 A Conversation"
        assert await page.wait_for("chat:tags") == ["General", "Demo"]
    body = {"model": "demo-arena", "messages": [{"role": "user", "content": "What is bread?"}]}
    answer = (await ada.post("/api/v1/tasks/title/completions", body)).ok()
    assert answer["choices"][0]["message"]["content"] == '{"title": "💬 A Conversation"}'
    assert set(await asked(upstream)) >= {"demo-small"}
