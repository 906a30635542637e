"""Chat completions for API clients: over HTTP, over a plain WebSocket, in the format of Anthropic."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server

CHAT = "/api/chat/completions"


def build_request(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


def parse_events(text: str) -> list[Any]:
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "path", [CHAT, "/api/v1/chat/completions", "/openai/chat/completions", "/openai/v1/chat/completions"]
)
async def test_a_complete_answer_at_every_path(ada: Person, path: str) -> None:
    answer = (await ada.post(path, build_request("Hi [[tokens 3]]"))).ok()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "word0 word1 word2 "


async def test_a_stream_is_passed_on_as_it_is(ada: Person) -> None:
    reply = await ada.post(CHAT, build_request("Hi [[tokens 3]]", stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    chunks = parse_events(reply.text)
    assert chunks[-1] == "[DONE]"
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[1:-2]] == ["word0 ", "word1 ", "word2 "]


async def test_who_may_ask(server: Server, ada: Person, bob: Person) -> None:
    (await server.stranger().post(CHAT, build_request("Hi"))).refused(401)
    reply = await bob.post(CHAT, build_request("Hi [[tokens 1]]"))
    assert reply.status in (400, 403) and reply.json["detail"] == "Model not found"
    form = {
        "id": "open-model",
        "name": "Open",
        "base_model_id": "demo-small",
        "meta": {},
        "params": {},
        "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
    }
    (await ada.post("/api/v1/models/create", form)).ok()
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    access = {"id": "demo-small", "name": "demo-small", "access_grants": everybody}
    (await ada.post("/api/v1/models/model/access/update", access)).ok()
    models = (await bob.get("/api/models")).ok()["data"]
    assert {model["id"] for model in models} == {"demo-small", "open-model"}
    answer = (await bob.post(CHAT, build_request("Hi [[tokens 2]]", model="open-model"))).ok()
    assert answer["choices"][0]["message"]["content"] == "word0 word1 "


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"model": 5, "messages": []},
        {"model": "demo-small", "messages": "hello"},
        {"model": "demo-small", "messages": ["hello"]},
        {"model": "no-such-model", "messages": []},
    ],
)
async def test_invalid_requests_are_refused(ada: Person, body: dict[str, Any]) -> None:
    assert (await ada.post(CHAT, body)).status == 400


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_providers_refusal_reaches_the_client(ada: Person, upstream: str, status: int) -> None:
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_CONFIGS"] = {"0": {"enable": True, "model_ids": [f"demo-error-{status}"]}}
    (await ada.post("/openai/config/update", config)).ok()
    (await ada.get("/api/models", refresh=True)).ok()
    reply = await ada.post(CHAT, build_request("Hi", model=f"demo-error-{status}"))
    assert reply.status == status
    assert reply.json["error"]["message"] == f"demo refusal {status}"


async def test_an_unreachable_provider_delays_no_list_and_keeps_its_last_models(ada: Person, upstream: str) -> None:
    config = (await ada.get("/openai/config")).ok()
    config["OPENAI_API_BASE_URLS"] = [f"{upstream}/v1", "http://127.0.0.1:9/v1"]
    config["OPENAI_API_KEYS"] = ["k", "k"]
    (await ada.post("/openai/config/update", config)).ok()
    models = (await ada.get("/api/models", refresh=True)).ok()["data"]
    assert {model["id"] for model in models} >= {"demo-small", "demo-large", "demo-reasoner"}


async def test_a_client_that_hangs_up_ends_the_providers_work(ada: Person, upstream: str) -> None:
    async with ada.http().post(ada.url + CHAT, json=build_request("Hi [[tokens 500000]]", stream=True)) as response:
        await response.content.readany()
    stranger = Person(upstream)
    for _ in range(100):
        request = (await stranger.get("/_requests")).ok()[-1]
        if request["gone"]:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the provider continues")
    await stranger.close()


class TestOllama:
    @pytest.fixture
    def environment(self, upstream: str) -> dict[str, str]:
        return {"ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URL": upstream}

    async def test_its_models_answer_in_the_format_of_openai(self, ada: Person) -> None:
        models = (await ada.get("/api/models")).ok()["data"]
        assert "llama-demo:latest" in {model["id"] for model in models}
        answer = (await ada.post(CHAT, build_request("Hi [[tokens 3]]", model="llama-demo:latest"))).ok()
        assert answer["choices"][0]["message"]["content"] == "word0 word1 word2 "
        assert answer["usage"]["completion_tokens"] == 3
        reply = await ada.post(CHAT, build_request("Hi [[tokens 2]]", model="llama-demo:latest", stream=True))
        chunks = parse_events(reply.text)
        assert chunks[-1] == "[DONE]"
        texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]]
        assert [text for text in texts if text] == ["word0 ", "word1 "]

    async def test_its_own_protocol_is_passed_on(self, ada: Person) -> None:
        body = {"model": "llama-demo:latest", "prompt": "Hi [[tokens 2]]", "stream": False}
        assert (await ada.post("/ollama/api/generate", body)).ok()["response"] == "word0 word1 "
        assert (await ada.get("/ollama/api/version")).ok() == {"version": "0.5.0"}


async def test_embeddings(ada: Person) -> None:
    answer = (await ada.post("/api/embeddings", {"model": "demo-embedding", "input": ["a", "b"]})).ok()
    assert [embedding["index"] for embedding in answer["data"]] == [0, 1]
    (await ada.post("/api/embeddings", {"input": "a"})).refused(400)


class TestAnthropic:
    async def test_a_complete_answer(self, ada: Person) -> None:
        body = {
            "model": "demo-small",
            "max_tokens": 50,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi [[tokens 3]]"}]}],
        }
        answer = (await ada.post("/api/v1/messages", body)).ok()
        assert answer["type"] == "message" and answer["stop_reason"] == "end_turn"
        assert answer["content"] == [{"type": "text", "text": "word0 word1 word2 "}]
        assert answer["usage"]["output_tokens"] == 3
        assert (await ada.post("/api/v1/messages/count_tokens", body)).ok()["input_tokens"] > 0

    async def test_a_stream(self, ada: Person) -> None:
        body = {"model": "demo-small", "max_tokens": 50, "stream": True}
        body["messages"] = [{"role": "user", "content": "Hi [[tokens 2]]"}]
        parsed = parse_events((await ada.post("/api/v1/messages", body)).text)
        assert [event["type"] for event in parsed] == [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert parsed[0]["message"]["usage"]["input_tokens"] == 3
        # A provider counts its output only where the model's capabilities ask for it.
        assert parsed[-2]["usage"] == {"output_tokens": 0, "input_tokens": 3}
        usage = {"id": "demo-small", "name": "Small", "meta": {"capabilities": {"usage": True}}, "params": {}}
        (await ada.post("/api/v1/models/create", usage)).ok()
        parsed = parse_events((await ada.post("/api/v1/messages", body)).text)
        assert parsed[-2]["usage"]["output_tokens"] == 2

    @pytest.mark.parametrize(
        "changed",
        [
            {"tools": [5, "add"]},
            {"messages": [5, {"role": "user", "content": [{"type": "image", "source": "x"}, {"type": "text"}]}]},
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "add", "input": {}}, 5]},
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "document"}, 5]}],
                    },
                ]
            },
            {"messages": 5},
        ],
    )
    async def test_invalid_parts_are_skipped(self, ada: Person, changed: dict[str, Any]) -> None:
        body = {**build_request("Hi [[tokens 2]]"), "max_tokens": 50, **changed}
        assert (await ada.post("/api/v1/messages", body)).ok()["role"] == "assistant"

    async def test_tools_go_both_ways(self, ada: Person) -> None:
        tool = {"name": "add", "description": "adds", "input_schema": {"properties": {"a": {"type": "integer"}}}}
        body = {"model": "demo-small", "max_tokens": 50, "tools": [tool]}
        body["messages"] = [{"role": "user", "content": "call the tool"}]
        answer = (await ada.post("/api/v1/messages", body)).ok()
        assert answer["stop_reason"] == "tool_use"
        call = answer["content"][0]
        assert (call["name"], call["input"]) == ("add", {"a": 2})
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": "42"}
        body["messages"] += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
        assert "42" in (await ada.post("/api/v1/messages", body)).ok()["content"][0]["text"]


class TestWebSocket:
    async def _receive_all(self, socket: Any) -> list[Any]:
        messages: list[Any] = []
        while True:
            text = (await asyncio.wait_for(socket.receive(), 10)).data
            if text == "[DONE]":
                return messages
            messages.append(json.loads(text))
            if "error" in messages[-1]:
                return messages

    @pytest.mark.parametrize("credential", ["query", "header", "cookie", "message"])
    async def test_every_way_to_sign_in(self, server: Server, ada: Person, credential: str) -> None:
        url = server.url + "/api/ws/chat" + (f"?token={ada.token}" if credential == "query" else "")
        headers = {"header": {"authorization": f"Bearer {ada.token}"}, "cookie": {"cookie": f"token={ada.token}"}}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.ws_connect(url, headers=headers.get(credential)) as socket,
        ):
            if credential == "message":
                await socket.send_json({"token": ada.token})
            for _ in range(2):
                await socket.send_json(build_request("Hi [[tokens 2]]"))
                chunks = await self._receive_all(socket)
                texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
                assert [text for text in texts if text] == ["word0 ", "word1 "]

    async def test_strangers_are_refused(self, server: Server) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(server.url + "/api/ws/chat?token=forged")
            async with session.ws_connect(server.url + "/api/ws/chat") as socket:
                await socket.send_json({"token": "forged"})
                assert "error" in json.loads((await socket.receive()).data)
                assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSE

    async def test_errors_and_cancelling(self, server: Server, ada: Person) -> None:
        async with ada.http().ws_connect(f"{server.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_str("no json")
            assert "error" in (await self._receive_all(socket))[-1]
            await socket.send_json(build_request("Hi", model="nope"))
            assert (await self._receive_all(socket))[-1] == {"error": {"message": "Model not found"}}
            await socket.send_json(build_request("Hi [[tokens 500000]]"))
            await socket.receive()
            await socket.send_json({"cancel": True})
            while json.loads((await asyncio.wait_for(socket.receive(), 10)).data) != {"cancelled": True}:
                pass
            await socket.send_json(build_request("Hi [[tokens 1]]"))
            assert len(await self._receive_all(socket)) == 3

    async def test_the_answer_can_be_stored(self, server: Server, ada: Person, bob: Person) -> None:
        messages = {"q": {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "Hi"}}
        chat = {"title": "T", "history": {"currentId": "q", "messages": messages}}
        chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
        metadata = {"chat_id": chat_id, "message_id": "a"}
        async with ada.http().ws_connect(f"{server.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json(build_request("Hi [[tokens 2]]", metadata=metadata))
            await self._receive_all(socket)
        for _ in range(50):
            stored = (await ada.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]
            if "a" in stored:
                break
            await asyncio.sleep(0.02)
        assert stored["a"]["content"] == "word0 word1" and stored["a"]["done"] is True
        async with bob.http().ws_connect(f"{server.url}/api/ws/chat?token={bob.token}") as socket:
            await socket.send_json(build_request("Hi", metadata=metadata))
            assert "error" in (await self._receive_all(socket))[-1]

    async def test_a_model_never_gets_the_chat_of_another_user(
        self, server: Server, ada: Person, bob: Person, upstream: str
    ) -> None:
        everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
        model = {"id": "demo-small", "name": "Small", "params": {}, "meta": {}, "access_grants": everybody}
        (await ada.post("/api/v1/models/create", model)).ok()
        messages = {"q": {"id": "q", "parentId": None, "childrenIds": [], "role": "user", "content": "A secret"}}
        chat = {"title": "T", "history": {"currentId": "q", "messages": messages}}
        chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
        body = build_request("Hi [[tokens 1]]", chat_id=chat_id, session_id="s", user_message={"id": "q"})
        async with bob.http().ws_connect(f"{server.url}/api/ws/chat?token={bob.token}") as socket:
            await socket.send_json(body)
            await self._receive_all(socket)
        (await bob.post(CHAT, body)).refused(404)
        stranger = Person(upstream)
        sent = (await stranger.get("/_requests")).ok()[-1]["body"]
        await stranger.close()
        assert sent["messages"] == [{"role": "user", "content": "Hi [[tokens 1]]"}]
