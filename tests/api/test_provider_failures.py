"""Providers that are down, slow, send invalid data or break off: what clients and the page see, and what is stored."""

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
STREAM_FAILED = b'data: {"error": {"message": "Chat completion stream failed"}}\n\ndata: [DONE]\n\n'


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": upstream}


@pytest.fixture
async def wait_for_request(upstream: str) -> AsyncIterator[Any]:
    """Return a function that waits for a request to the model server with a word for which `check` holds."""
    async with aiohttp.ClientSession() as session:

        async def wait(word: str, check: Any = lambda _: True) -> Any:
            for _ in range(200):
                async with session.get(f"{upstream}/_requests") as reply:
                    requests = await reply.json()
                for request in requests:
                    if word in str(request["body"]) and not request["path"].endswith("count_tokens") and check(request):
                        return request
                await asyncio.sleep(0.05)
            pytest.fail(f"nothing of that kind came with {word}")

        yield wait


def make_question(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


async def connect_dead_server(ada: Person) -> None:
    """Connect a server that is down, with a manually named model."""
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"] = [config["OPENAI_API_BASE_URLS"][0], "http://127.0.0.1:9/v1"]
    config["OPENAI_API_KEYS"] = ["upstream-key", "k"]
    config["OPENAI_API_CONFIGS"] = {"1": {"enable": True, "model_ids": ["dead"]}}
    (await ada.post("/openai/config/update", config)).ok()


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_an_interrupted_stream_ends_with_an_error(ada: Person, model: str) -> None:
    reply = await ada.post(CHAT, make_question(BREAKS, model=model, stream=True))
    assert reply.status == 200 and "word2" in reply.text
    assert reply.body.endswith(STREAM_FAILED)


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_an_interrupted_completion_is_an_error(ada: Person, model: str) -> None:
    (await ada.post(CHAT, make_question("[[break]]", model=model))).refused(502, "Open WebUI: Server Connection Error")


async def test_an_interrupted_anthropic_stream_reports_the_error(ada: Person) -> None:
    body = make_question(BREAKS, max_tokens=100, stream=True)
    text = (await ada.post("/api/v1/messages", body)).text
    assert "word2" in text and "event: error" in text and "message_stop" not in text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_is_down(ada: Person, stream: bool) -> None:
    await connect_dead_server(ada)
    error_text = "Open WebUI: Server Connection Error"
    (await ada.post(CHAT, make_question("x", model="dead", stream=stream))).refused(500, error_text)
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        await socket.send_json(make_question("x", model="dead"))
        assert await socket.receive_json() == {"error": {"message": error_text}}


ENDPOINTS: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {}),
    (CHAT, {"stream": True}),
    (CHAT, {"model": LLAMA}),
    ("/openai/chat/completions", {}),
    ("/api/v1/messages", {"max_tokens": 5}),
    ("/api/v1/messages", {"max_tokens": 5, "stream": True}),
    ("/openai/responses", {"input": ""}),
]


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(("path", "more"), ENDPOINTS)
async def test_a_client_that_disconnects_early_cancels_the_request(
    ada: Person, wait_for_request: Any, path: str, more: dict[str, Any]
) -> None:
    word = uuid.uuid4().hex
    body = {**make_question(f"[[slow]] {word}"), **more}
    if "input" in body:
        body["input"] = f"[[slow]] {word}"
    request = asyncio.create_task(ada.post(path, body))
    await wait_for_request(word)
    request.cancel()
    await wait_for_request(word, lambda received: received["gone"])


@pytest.mark.parametrize("path", [CHAT, "/api/v1/messages"])
async def test_a_client_that_disconnects_during_preparation_cancels_the_request(
    ada: Person, wait_for_request: Any, path: str
) -> None:
    word = uuid.uuid4().hex
    template = {"config": {"task.query.prompt_template": f"[[slow]] {word}"}}
    (await ada.post("/api/v1/configs/import", template)).ok()
    item = {"type": "text", "name": "house.txt", "id": "h", "content": "The key lies below the mat."}
    form = {"id": "helper", "name": "Helper", "base_model_id": "demo-small", "params": {}}
    (await ada.post("/api/v1/models/create", {**form, "meta": {"knowledge": [item]}})).ok()
    request = asyncio.create_task(ada.post(path, make_question("Where?", model="helper", max_tokens=5)))
    await wait_for_request(word)
    request.cancel()
    await wait_for_request(word, lambda received: received["gone"])


class TestSlow:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"AIOHTTP_CLIENT_TIMEOUT": "1", "AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT": "0.4"}

    async def test_a_server_that_exceeds_the_timeout(self, ada: Person) -> None:
        (await ada.post(CHAT, make_question("[[slow]]"))).refused(500, "Open WebUI: Server Connection Error")

    async def test_a_stream_that_stalls(self, ada: Person) -> None:
        reply = await ada.post(CHAT, make_question("[[silent 20]] [[tokens 9]]", stream=True))
        assert "word2" in reply.text and reply.body.endswith(STREAM_FAILED)

    async def test_a_stream_that_stalls_on_the_page(self, ada: Person) -> None:
        async with open_page(ada) as page:
            body = page.build_body("[[silent 20]] [[tokens 9]]")
            started = (await ada.post(CHAT, body)).ok()
            await page.wait_until_idle()
            assert page.list_data("chat:message:error")[0]["error"]["content"]
            answer = (await page.get_chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
            assert answer["done"] is True and answer["content"].startswith("word0 word1 word2")

    async def test_query_generation_that_stalls(self, ada: Person) -> None:
        async def stall(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "500"})
            await response.prepare(request)
            await response.write(b"{")
            await asyncio.sleep(2)
            return response

        app = web.Application()
        app.router.add_post("/v1/chat/completions", stall)
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


async def ask_and_fail(page: Any, text: str, **more: Any) -> tuple[Any, Any]:
    """Ask a question that fails; return the error that the page receives, and the stored answer."""
    body = page.build_body(text, **more)
    started = (await page.person.post(CHAT, body)).ok()
    await page.wait_until_idle()
    (error,) = page.list_data("chat:message:error")
    answer = (await page.get_chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
    assert error["done"] is True and answer["done"] is True and answer["error"] == error["error"]
    return error["error"]["content"], answer


@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_the_page_keeps_text_received_before_the_failure(ada: Person, model: str) -> None:
    async with open_page(ada) as page:
        error, answer = await ask_and_fail(page, BREAKS, models=[model])
        assert error
        assert answer["content"].startswith("word0 word1 word2")
        assert answer["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("demo-error-429", "demo refusal 429"),
        ("demo-error-401", "demo refusal 401"),
        ("[[error]]", "demo failure in the stream"),
    ],
)
@pytest.mark.parametrize("model", ["demo-small", LLAMA])
async def test_the_page_shows_the_error_text_of_the_provider(ada: Person, text: str, expected: str, model: str) -> None:
    async with open_page(ada) as page:
        error, answer = await ask_and_fail(page, text, models=[model])
        assert error == expected and answer["content"] == ""


async def test_the_page_shows_errors_of_dead_servers_and_invalid_replies(ada: Person) -> None:
    await connect_dead_server(ada)
    async with open_page(ada) as page:
        error, _ = await ask_and_fail(page, "x", models=["dead"])
        assert error == "Open WebUI: Server Connection Error"
        page.events.clear()
        error, _ = await ask_and_fail(page, "[[garbage]]")
        assert error == "The provider answered with something that is not JSON."


async def test_the_page_can_stop_waiting(ada: Person, wait_for_request: Any) -> None:
    word = uuid.uuid4().hex
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body(f"[[slow]] {word}"))).ok()
        await wait_for_request(word)
        (await ada.post(f"/api/tasks/chat/{started['chat_id']}/stop")).ok()
        await page.wait_until_idle()
        assert page.list_data("chat:tasks:cancel")
        await wait_for_request(word, lambda request: request["gone"])


class TestWebSocket:
    """`WS /api/ws/chat`."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("demo-error-429", "demo refusal 429"),
            ("[[error]]", "demo failure in the stream"),
            ("[[garbage]]", "The provider answered with something that is not JSON."),
            (BREAKS, "Open WebUI: Server Connection Error"),
        ],
    )
    async def test_failures_are_reported_and_the_socket_stays_open(self, ada: Person, text: str, expected: str) -> None:
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json(make_question(text))
            while "error" not in (message := await socket.receive_json(timeout=10)):
                pass
            assert message == {"error": {"message": expected}}
            await socket.send_json(make_question("[[tokens 1]]"))
            while (await socket.receive(timeout=10)).data != "[DONE]":
                pass

    @pytest.mark.parametrize("database", ["sqlite"])
    @pytest.mark.parametrize("text", ["[[slow]]", "[[tokens 500000]]"])
    async def test_closing_the_socket_cancels_the_request(self, ada: Person, wait_for_request: Any, text: str) -> None:
        word = uuid.uuid4().hex
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json(make_question(f"{text} {word}"))
            await wait_for_request(word)
        await wait_for_request(word, lambda request: request["gone"])
