"""Providers that are down, slow, talk nonsense or break off: what API clients and the page see, and what is kept."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from conftest import Person
from page_client import open_page

#: Breaks off after five tokens, the last two of which may be lost with the connection.
BREAKS = "[[silent 0.3]] [[break]] [[tokens 50]]"
CHAT = "/api/chat/completions"
LLAMA = "llama-demo:latest"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": upstream}


@pytest.fixture
async def asked(upstream: str) -> AsyncIterator[Any]:
    """What the model server was asked that holds a word, waited for until `check` holds."""
    async with aiohttp.ClientSession() as session:

        async def wait(word: str, check: Any = lambda _: True) -> Any:
            for _ in range(200):
                async with session.get(f"{upstream}/_requests") as reply:
                    noted = await reply.json()
                for one in noted:
                    if word in str(one["body"]) and not one["path"].endswith("count_tokens") and check(one):
                        return one
                await asyncio.sleep(0.05)
            pytest.fail(f"nothing of that kind came with {word}")

        yield wait


def question(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


async def dead(ada: Person) -> None:
    """Connect a server that is down, with a model that is named by hand."""
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"] = [config["OPENAI_API_BASE_URLS"][0], "http://127.0.0.1:9/v1"]
    config["OPENAI_API_KEYS"] = ["upstream-key", "k"]
    config["OPENAI_API_CONFIGS"] = {"1": {"enable": True, "model_ids": ["dead"]}}
    (await ada.post("/openai/config/update", config)).ok()


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_a_stream_that_breaks_off_does_not_look_whole(ada: Person, model: str) -> None:
    body = question(BREAKS, model=model, stream=True)
    came = b""
    with pytest.raises(aiohttp.ClientPayloadError):
        async with ada.http().post(ada.url + CHAT, json=body) as response:
            assert response.status == 200
            async for piece in response.content.iter_any():
                came += piece
    assert b"word2" in came and b"[DONE]" not in came


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_a_whole_answer_that_breaks_off_is_an_error(ada: Person, model: str) -> None:
    (await ada.post(CHAT, question("[[break]]", model=model))).refused(502, "Open WebUI: Server Connection Error")


async def test_anthropics_stream_says_that_it_failed(ada: Person) -> None:
    body = question(BREAKS, max_tokens=100, stream=True)
    text = (await ada.post("/api/v1/messages", body)).text
    assert "word2" in text and "event: error" in text and "message_stop" not in text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_is_down(ada: Person, stream: bool) -> None:
    await dead(ada)
    said = "Open WebUI: Server Connection Error"
    (await ada.post(CHAT, question("x", model="dead", stream=stream))).refused(500, said)
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        await socket.send_json(question("x", model="dead"))
        assert await socket.receive_json() == {"error": {"message": said}}


DOORS: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {}),
    (CHAT, {"stream": True}),
    (CHAT, {"model": LLAMA}),
    ("/openai/chat/completions", {}),
    ("/api/v1/messages", {"max_tokens": 5}),
    ("/api/v1/messages", {"max_tokens": 5, "stream": True}),
    ("/openai/responses", {"input": ""}),
]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(("path", "more"), DOORS)
async def test_who_hangs_up_before_the_first_word_ends_the_work(
    ada: Person, asked: Any, path: str, more: dict[str, Any]
) -> None:
    word = uuid.uuid4().hex
    body = {**question(f"[[slow]] {word}"), **more}
    if "input" in body:
        body["input"] = f"[[slow]] {word}"
    waiting = asyncio.create_task(ada.post(path, body))
    await asked(word)
    waiting.cancel()
    await asked(word, lambda one: one["gone"])


@pytest.mark.parametrize("path", [CHAT, "/api/v1/messages"])
async def test_who_hangs_up_while_an_answer_is_prepared_ends_the_work(ada: Person, asked: Any, path: str) -> None:
    word = uuid.uuid4().hex
    template = {"config": {"task.query.prompt_template": f"[[slow]] {word}"}}
    (await ada.post("/api/v1/configs/import", template)).ok()
    known = {"type": "text", "name": "house.txt", "id": "h", "content": "The key lies below the mat."}
    form = {"id": "helper", "name": "Helper", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"knowledge": [known]}})).ok()
    waiting = asyncio.create_task(ada.post(path, question("Where?", model="helper", max_tokens=5)))
    await asked(word)
    waiting.cancel()
    await asked(word, lambda one: one["gone"])


class TestSlow:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"AIOHTTP_CLIENT_TIMEOUT": "1", "AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT": "0.4"}

    async def test_a_server_that_keeps_one_waiting(self, ada: Person) -> None:
        (await ada.post(CHAT, question("[[slow]]"))).refused(500, "Open WebUI: Server Connection Error")

    async def test_a_stream_that_falls_silent(self, ada: Person) -> None:
        with pytest.raises(aiohttp.ClientPayloadError):
            await ada.post(CHAT, question("[[silent 20]] [[tokens 9]]", stream=True))

    async def test_a_stream_that_falls_silent_on_the_page(self, ada: Person) -> None:
        async with open_page(ada) as page:
            body = page.build_body("[[silent 20]] [[tokens 9]]")
            started = (await ada.post(CHAT, body)).ok()
            await page.wait_until_idle()
            assert page.list_data("chat:message:error")[0]["error"]["content"]
            answer = (await page.get_chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
            assert answer["done"] is True and answer["content"].startswith("word0 word1 word2")

    async def test_queries_that_do_not_come_to_an_end(self, ada: Person) -> None:
        async def halting(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "500"})
            await response.prepare(request)
            await response.write(b"{")
            await asyncio.sleep(2)
            return response

        app = web.Application()
        app.router.add_post("/v1/chat/completions", halting)
        async with TestServer(app) as server:
            config = (await ada.get("/openai/config")).ok()
            config["OPENAI_API_BASE_URLS"].append(str(server.make_url("/v1")))
            config["OPENAI_API_KEYS"].append("k")
            config["OPENAI_API_CONFIGS"] = {"1": {"enable": True, "model_ids": ["halting"]}}
            (await ada.post("/openai/config/update", config)).ok()
            (await ada.post("/api/v1/configs/import", {"config": {"task.model.external": "halting"}})).ok()
            item = {"type": "text", "name": "tea.txt", "content": "Green tea: 70 degrees."}
            async with open_page(ada) as page:
                await page.ask("How hot? [[tokens 1]]", files=[item])
                assert page.list_data("status")[0] == {"action": "queries_generated", "queries": [], "done": False}
                assert page.list_data("chat:message:error") == []


async def failed(page: Any, text: str, **more: Any) -> tuple[Any, Any]:
    """The error the page is told for a question, and the answer as it is kept."""
    body = page.body(text, **more)
    started = (await page.person.post(CHAT, body)).ok()
    await page.quiet()
    (error,) = page.of("chat:message:error")
    kept = (await page.chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
    assert error["done"] is True and kept["done"] is True and kept["error"] == error["error"]
    return error["error"]["content"], kept


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_the_page_keeps_what_came_before_it_broke(ada: Person, model: str) -> None:
    async with open_page(ada) as page:
        error, kept = await failed(page, BREAKS, models=[model])
        assert error
        assert kept["content"].startswith("word0 word1 word2")
        assert kept["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("demo-error-429", "demo refusal 429"),
        ("demo-error-401", "demo refusal 401"),
        ("[[error]]", "demo failure in the stream"),
    ],
)
@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_the_page_is_told_in_the_providers_words(ada: Person, text: str, says: str, model: str) -> None:
    async with open_page(ada) as page:
        error, kept = await failed(page, text, models=[model])
        assert error == says and kept["content"] == ""


async def test_the_page_is_told_of_a_server_that_is_down_and_of_nonsense(ada: Person) -> None:
    await dead(ada)
    async with open_page(ada) as page:
        error, _ = await failed(page, "x", models=["dead"])
        assert error == "Open WebUI: Server Connection Error"
        page.events.clear()
        error, _ = await failed(page, "[[garbage]]")
        assert error == "The provider answered with something that is not JSON."


async def test_the_page_can_stop_waiting(ada: Person, asked: Any) -> None:
    word = uuid.uuid4().hex
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body(f"[[slow]] {word}"))).ok()
        await asked(word)
        (await ada.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        await page.wait_until_idle()
        assert page.list_data("chat:tasks:cancel")
        await asked(word, lambda one: one["gone"])


class TestWebSocket:
    """`WS /api/ws/chat`."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("demo-error-429", "demo refusal 429"),
            ("[[error]]", "demo failure in the stream"),
            ("[[garbage]]", "The provider answered with something that is not JSON."),
            (BREAKS, "Open WebUI: Server Connection Error"),
        ],
    )
    async def test_failures_are_told_and_the_socket_goes_on(self, ada: Person, text: str, says: str) -> None:
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json(question(text))
            while "error" not in (found := await socket.receive_json(timeout=10)):
                pass
            assert found == {"error": {"message": says}}
            await socket.send_json(question("[[tokens 1]]"))
            while (await socket.receive(timeout=10)).data != "[DONE]":
                pass

    @pytest.mark.parametrize("database", ["sqlite"])
    @pytest.mark.parametrize("text", ["[[slow]]", "[[tokens 500000]]"])
    async def test_who_closes_the_socket_ends_the_work(self, ada: Person, asked: Any, text: str) -> None:
        word = uuid.uuid4().hex
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json(question(f"{text} {word}"))
            await asked(word)
        await asked(word, lambda one: one["gone"])
