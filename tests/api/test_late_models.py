"""Models that appear later: their server starts after us, comes back, or gets a new model."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server, run_server
from fastback.providers import server_lists
from fastback.providers.registry import ModelRegistry
from stub_server import serve_handler


class ModelServer:
    """An OpenAI-compatible server whose list can change; it counts how often it is asked."""

    def __init__(self, *models: str) -> None:
        self.models = list(models)
        self.count = 0
        self.status = 200
        #: Connections that are closed before they are answered.
        self.closings = 0
        self.delay = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models"):
            self.count += 1
            await asyncio.sleep(self.delay)
            if self.closings:
                self.closings -= 1
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            if self.status != 200:
                return web.json_response({"error": "down"}, status=self.status)
            return web.json_response({"object": "list", "data": [{"id": model} for model in self.models]})
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
        return web.json_response({"id": "1", "object": "chat.completion", "choices": [choice]})


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def port() -> int:
    return find_free_port()


@pytest.fixture
async def server(port: int, tmp_path: Path) -> AsyncIterator[Server]:
    """Run a server whose model server is not up."""
    env = {"OPENAI_API_BASE_URLS": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false"}
    async with run_server(env, tmp_path, "sqlite") as running:
        yield running


async def ask(person: Person, model: str) -> Any:
    messages = [{"role": "user", "content": "Hi"}]
    return await person.post("/api/chat/completions", {"model": model, "messages": messages})


async def list_ids(person: Person) -> list[str]:
    return [model["id"] for model in (await person.get("/api/models")).ok()["data"] if not model.get("arena")]


async def wait_for_ids(person: Person, ids: list[str], seconds: float) -> None:
    started = time.perf_counter()
    while await list_ids(person) != ids:
        assert time.perf_counter() - started < seconds
        await asyncio.sleep(0.05)


async def test_a_model_server_that_starts_later_is_used_at_once(ada: Person, port: int) -> None:
    assert await list_ids(ada) == []
    (await ask(ada, "late")).refused(400, "Model not found")
    model_server = ModelServer("late")
    async with serve_handler(model_server.handle, port=port):
        await asyncio.sleep(server_lists._PAUSE)
        reply = (await ask(ada, "late")).ok()
        assert reply["choices"][0]["message"]["content"] == "Hello"
        assert await list_ids(ada) == ["late"]


async def test_a_server_that_is_down_is_asked_again_soon(ada: Person, port: int) -> None:
    assert await list_ids(ada) == []
    model_server = ModelServer("late")
    async with serve_handler(model_server.handle, port=port):
        await wait_for_ids(ada, ["late"], 5)
        model_server.status = 503
        assert (await ada.get("/api/models", refresh=True)).ok()["data"] != []  # its last list is used
        model_server.status, model_server.models = 200, ["late", "newer"]
        await wait_for_ids(ada, ["late", "newer"], 5)
        # A refusal is an answer: it is not asked again and again.
        model_server.status = 401
        (await ada.get("/api/models", refresh=True)).ok()
        count = model_server.count
        await asyncio.sleep(1.5)
        assert model_server.count == count


async def test_the_pauses_between_retries_grow(ada: Person, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_lists, "_FIRST_RETRY", 0.05)
    monkeypatch.setattr(server_lists, "_LAST_RETRY", 0.4)
    model_server = ModelServer()
    model_server.status = 502
    async with serve_handler(model_server.handle, port=port):
        (await ada.get("/api/models", refresh=True)).ok()
        await asyncio.sleep(2)
        # 0.05, 0.1, 0.2, then 0.4 s each
        assert 4 <= model_server.count <= 9


async def test_a_new_model_of_a_server_is_used_at_once(ada: Person, port: int) -> None:
    model_server = ModelServer("old")
    async with serve_handler(model_server.handle, port=port):
        await wait_for_ids(ada, ["old"], 5)
        model_server.models.append("new")
        await asyncio.sleep(server_lists._PAUSE)
        (await ask(ada, "new")).ok()
        assert await list_ids(ada) == ["old", "new"]


async def test_unknown_models_share_one_question_a_second(ada: Person, port: int) -> None:
    model_server = ModelServer("old")
    model_server.delay = 0.1
    async with serve_handler(model_server.handle, port=port):
        await wait_for_ids(ada, ["old"], 5)
        await asyncio.sleep(server_lists._PAUSE)
        count, started = model_server.count, time.perf_counter()
        replies = await asyncio.gather(*(ask(ada, f"unknown-{number}") for number in range(40)))
        replies += [await ask(ada, "unknown") for _ in range(20)]
        assert {reply.status for reply in replies} == {400}
        assert model_server.count - count <= 1 + (time.perf_counter() - started) / server_lists._PAUSE


async def test_a_server_that_does_not_respond_delays_an_unknown_model_only_once(ada: Person, port: int) -> None:
    model_server = ModelServer("old")
    async with serve_handler(model_server.handle, port=port):
        await wait_for_ids(ada, ["old"], 5)
        model_server.delay = 8
        await asyncio.sleep(server_lists._PAUSE)
        started = time.perf_counter()
        assert (await ask(ada, "unknown")).status == 400
        assert time.perf_counter() - started > 1.5
        for _ in range(5):
            assert (await ask(ada, "unknown")).status == 400
        assert time.perf_counter() - started < 4
        assert await list_ids(ada) == ["old"]


async def test_an_old_list_is_refreshed_behind_the_answer(ada: Person, server: Server, port: int) -> None:
    model_server = ModelServer("old")
    async with serve_handler(model_server.handle, port=port):
        await wait_for_ids(ada, ["old"], 5)
        model_server.models.append("new")
        assert await list_ids(ada) == ["old"]
        lists = server.services.get(ModelRegistry)._lists
        assert lists._asked_at is not None
        lists._asked_at -= 301
        assert await list_ids(ada) == ["old"]
        await wait_for_ids(ada, ["old", "new"], 2)


async def test_a_closed_connection_loses_no_list(ada: Person, port: int) -> None:
    model_server = ModelServer("old")
    async with serve_handler(model_server.handle, port=port):
        model_server.closings = 1
        assert (await ada.get("/api/models", refresh=True)).ok()["data"][0]["id"] == "old"


async def test_servers_are_asked_after_the_start(tmp_path: Path) -> None:
    model_server = ModelServer("old")
    async with serve_handler(model_server.handle) as url:
        env = {"OPENAI_API_BASE_URLS": f"{url}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false"}
        async with run_server(env, tmp_path, "sqlite"):
            for _ in range(100):
                if model_server.count:
                    break
                await asyncio.sleep(0.02)
        assert model_server.count == 1
