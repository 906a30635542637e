"""Options of a connection change the requests to its server: headers, sign-in, another API, continuation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.kit.db import Database
from page_client import open_page

CHAT = "/api/chat/completions"


class RecordingServer:
    """A model server that records its requests, and answers every chat with one word."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": "m"}]})
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.json()
        self.requests.append({"path": request.path, "headers": headers, "cookies": dict(request.cookies), "body": body})
        if not body.get("stream"):
            message = {"role": "assistant", "content": "Yes."}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"index": 0, "delta": {"content": " Yes."}}]}\n\n')
        await response.write(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')
        return response

    @property
    def last_request(self) -> dict[str, Any]:
        return self.requests[-1]


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingServer]:
    server = RecordingServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


async def connect(ada: Person, url: str, **options: Any) -> None:
    """Make `url` the only connection, with its model `m` open to all users."""
    body = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [url],
        "OPENAI_API_KEYS": ["k"],
        "OPENAI_API_CONFIGS": {"0": options},
    }
    (await ada.post("/openai/config/update", body)).ok()
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    for name in ("m", "demo-small", "demo-reasoner"):
        form = {"id": name, "name": name, "access_grants": everybody}
        (await ada.post("/api/v1/models/model/access/update", form)).ok()


def build_request(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


NAMES = [
    *(f"USER_{name}" for name in ("ID", "NAME", "EMAIL", "ROLE", "GROUPS", "GROUP_IDS", "AGENT")),
    *("AUTH_TYPE", "CHAT_ID", "MESSAGE_ID", "USER_MESSAGE_ID", "USER_MESSAGE_PARENT_ID", "TASK", "FILE_ID"),
    *("MODEL_ID", "NOBODY"),
]


async def create_group(server: Server, user_id: str, group_id: str, name: str, parent_id: str | None = None) -> None:
    """Create a group, and add the user to it unless `user_id` is empty."""
    db = server.services.get(Database)
    await db.execute(
        "test.group",
        'INSERT INTO "group" (id, name, updated_at, parent_group_id) VALUES (:id, :name, 5, :parent)',
        id=group_id,
        name=name,
        parent=parent_id,
    )
    if user_id:
        await db.execute(
            "test.member",
            "INSERT INTO group_member (id, group_id, user_id) VALUES (:id, :group_id, :user_id)",
            id=f"{group_id}-{user_id}",
            group_id=group_id,
            user_id=user_id,
        )


async def test_headers_describe_the_user_and_the_chat(
    server: Server, ada: Person, bob: Person, recorder: RecordingServer
) -> None:
    await create_group(server, "", "above", "Kitchen")
    await create_group(server, bob.id, "team", "Bakers", "above")
    await connect(ada, recorder.url, headers={f"X-{name.replace('_', '-')}": f"<{{{{{name}}}}}>" for name in NAMES})

    def list_sent_headers() -> dict[str, str]:
        return {name: recorder.last_request["headers"][f"x-{name.replace('_', '-').lower()}"][1:-1] for name in NAMES}

    (await bob.post(CHAT, build_request(), headers={"user-agent": "Crumb/1"})).ok()
    assert {name: value for name, value in list_sent_headers().items() if value} == {
        "USER_ID": bob.id,
        "USER_NAME": "Bob",
        "USER_EMAIL": "bob@example.com",
        "USER_ROLE": "user",
        "USER_GROUPS": "Kitchen,Bakers",
        "USER_GROUP_IDS": "above,team",
        "USER_AGENT": "Crumb/1",
        "AUTH_TYPE": "jwt",
        "NOBODY": "{{NOBODY}}",
    }
    async with open_page(bob) as page:
        body = page.build_body("Hi", models=["m"], background_tasks={"title_generation": True})
        reply = (await bob.post(CHAT, body)).ok()
        await page.wait_until_idle()
        await page.wait_for("chat:title")
    chat = next(request for request in recorder.requests if request["headers"]["x-message-id"] == f"<{body['id']}>")
    assert chat["headers"]["x-chat-id"] == f"<{reply['chat_id']}>"
    assert chat["headers"]["x-user-message-id"] == f"<{body['user_message']['id']}>"
    titles = [request for request in recorder.requests if request["headers"]["x-task"] == "<title_generation>"]
    assert len(titles) == 1 and titles[0]["headers"]["x-chat-id"] == f"<{reply['chat_id']}>"


async def test_headers_show_requests_with_an_api_key(ada: Person, recorder: RecordingServer) -> None:
    (await ada.post("/api/v1/configs/import", {"config": {"auth.enable_api_keys": True}})).ok()
    key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
    await connect(ada, recorder.url, headers={"X-Kind": "{{AUTH_TYPE}}"})
    (await ada.post(CHAT, build_request(), headers={"authorization": f"Bearer {key}"})).ok()
    assert recorder.last_request["headers"]["x-kind"] == "api_key"


class TestForwardedUser:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_FORWARD_USER_INFO_HEADERS": "true"}

    async def test_a_server_gets_headers_about_the_user(
        self, ada: Person, bob: Person, recorder: RecordingServer
    ) -> None:
        await connect(ada, recorder.url)
        (await bob.post(CHAT, build_request())).ok()
        headers = {
            name: value for name, value in recorder.last_request["headers"].items() if name.startswith("x-openwebui")
        }
        assert headers == {
            "x-openwebui-user-id": bob.id,
            "x-openwebui-user-name": "Bob",
            "x-openwebui-user-email": "bob@example.com",
            "x-openwebui-user-role": "user",
            "x-openwebui-auth-type": "jwt",
        }
        async with open_page(bob) as page:
            reply = await page.ask("Hi", models=["m"])
        assert recorder.last_request["headers"]["x-openwebui-chat-id"] == reply["chat_id"]


@pytest.mark.parametrize("auth_type", ["azure_ad", "microsoft_entra_id"])
async def test_a_sign_in_that_is_not_implemented_says_so(
    ada: Person, recorder: RecordingServer, auth_type: str
) -> None:
    await connect(ada, recorder.url, auth_type=auth_type, model_ids=["m"])
    for path, body in (
        (CHAT, build_request()),
        (CHAT, build_request(stream=True)),
        ("/api/embeddings", {"model": "m", "input": "x"}),
        ("/openai/responses", {"model": "m", "input": "x"}),
    ):
        reply = await ada.post(path, body)
        assert reply.status == 501 and "not available on this server yet" in reply.json["detail"]
    async with open_page(ada) as page:
        await page.ask("Hi", models=["m"])
        assert "not available on this server yet" in page.list_data("chat:message:error")[0]["error"]["content"]
    assert recorder.requests == []


async def test_the_callers_own_credential_and_cookies(ada: Person, recorder: RecordingServer) -> None:
    await connect(ada, recorder.url, auth_type="session", forward_cookies=True)
    (await ada.post(CHAT, build_request(), headers={"cookie": "kitchen=warm"})).ok()
    assert recorder.last_request["headers"]["authorization"] == f"Bearer {ada.token}"
    assert recorder.last_request["cookies"]["kitchen"] == "warm"
    async with open_page(ada) as page:
        await page.ask("Hi", models=["m"])
    assert recorder.last_request["headers"]["authorization"] == f"Bearer {ada.token}"


@pytest.mark.parametrize(("provider", "flags"), [("llama.cpp", True), ("", False)])
async def test_llama_cpp_is_asked_to_continue_an_answer(
    ada: Person, recorder: RecordingServer, provider: str, flags: bool
) -> None:
    await connect(ada, recorder.url, provider=provider)
    async with open_page(ada) as page:
        first = await page.ask("Start", models=["m"])
        assert "continue_final_message" not in recorder.last_request["body"]
        page.events.clear()
        body = page.build_body("", models=["m"], chat_id=first["chat_id"])
        body |= {"assistant_message_id": first["answer"], "id": first["answer"], "parent_id": first["question"]}
        del body["message_ids"], body["user_message"]
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
    sent = recorder.last_request["body"]
    assert sent["messages"][-1] == {"role": "assistant", "content": "Yes."}
    assert sent.get("continue_final_message") is (True if flags else None)
    assert sent.get("add_generation_prompt") is (False if flags else None)


TOOL = {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}


class TestResponses:
    """Chats with a server of OpenAI's Responses API."""

    @pytest.fixture
    async def get_last_request(self, ada: Person, upstream: str) -> AsyncIterator[Any]:
        await connect(ada, f"{upstream}/v1", api_type="responses")
        async with aiohttp.ClientSession() as session:

            async def fetch_last() -> Any:
                async with session.get(f"{upstream}/_requests") as reply:
                    return (await reply.json())[-1]

            yield fetch_last

    async def test_a_request_is_translated(self, ada: Person, get_last_request: Any) -> None:
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
        body = {
            "model": "demo-small",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
                {"role": "assistant", "content": "I add.", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "2"},
                {"role": "user", "content": "Hi [[tokens 3]]"},
            ],
            "max_tokens": 9,
            "stop": ["x"],
            "temperature": 0.5,
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "add"}},
        }
        completion = (await ada.post(CHAT, body)).ok()
        assert completion["object"] == "chat.completion"
        request = await get_last_request()
        assert request["path"] == "/v1/responses"
        assert request["body"] == {
            "model": "demo-small",
            "instructions": "Be brief.",
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"},
                    ],
                },
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I add."}]},
                {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
                {"type": "function_call_output", "call_id": "c1", "output": "2"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi [[tokens 3]]"}]},
            ],
            "max_output_tokens": 9,
            "temperature": 0.5,
            "tools": [
                {
                    "type": "function",
                    "name": "add",
                    "description": "adds",
                    "parameters": {"type": "object"},
                    "strict": False,
                }
            ],
            "tool_choice": {"type": "function", "name": "add"},
        }

    async def test_the_page_streams_and_stores_the_answer(self, ada: Person, get_last_request: Any) -> None:
        async with open_page(ada) as page:
            reply = await page.ask("Hi [[tokens 5]]")
            deltas = [
                chunk
                for chunk in page.list_data("response:completion")
                if chunk.get("type") == "response.output_text.delta"
            ]
            assert "".join(chunk["delta"] for chunk in deltas) == "".join(f"word{n} " for n in range(5))
            message = (await page.get_chat(reply["chat_id"]))["chat"]["history"]["messages"][reply["answer"]]
            assert message["content"] == "word0 word1 word2 word3 word4" and message["usage"]["output_tokens"] == 5
            page.events.clear()
            await page.ask("And [[tokens 2]]", chat_id=reply["chat_id"], parent_id=reply["answer"])
        texts = [item["content"][0]["text"] for item in (await get_last_request())["body"]["input"]]
        assert texts == ["Hi [[tokens 5]]", "word0 word1 word2 word3 word4", "And [[tokens 2]]"]

    async def test_thoughts_and_failures_on_the_page(self, ada: Person, get_last_request: Any) -> None:
        async with open_page(ada) as page:
            reply = await page.ask("Hi [[tokens 2]]", models=["demo-reasoner"])
            output = (await page.get_chat(reply["chat_id"]))["chat"]["history"]["messages"][reply["answer"]]["output"]
            assert [item["type"] for item in output] == ["reasoning", "message"]
            page.events.clear()
            await page.ask("[[error]]")
            assert page.list_data("chat:message:error")[0]["error"]["content"] == "demo failure in the stream"

    async def test_other_endpoints_speak_chat_completions(self, ada: Person, get_last_request: Any) -> None:
        async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
            await socket.send_json({**build_request("Hi [[tokens 2]]"), "model": "demo-small"})
            texts = []
            while (text := (await asyncio.wait_for(socket.receive(), 10)).data) != "[DONE]":
                texts.append(text)
            assert "word0 " in "".join(texts) and '"finish_reason":"stop"' in texts[-1]
        body = {
            "model": "demo-small",
            "max_tokens": 50,
            "stream": True,
            "messages": build_request("[[tokens 2]]")["messages"],
        }
        text = (await ada.post("/api/v1/messages", body)).text
        assert "word1" in text and "message_stop" in text
