"""Model servers that misbehave: text, usage and the end of an answer come through at every entrance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from fastback.features.chats.messages import turn_store
from faulty_model_server import serve_faults
from provider_faults import FAULTS


@pytest.fixture
async def faulty_server() -> AsyncIterator[str]:
    async with serve_faults(FAULTS) as url:
        yield url


@pytest.fixture
async def environment(faulty_server: str) -> dict[str, str]:
    return {
        "OPENAI_API_BASE_URLS": f"{faulty_server}/v1;{faulty_server}/responses/v1",
        "OPENAI_API_KEYS": "k;k",
        "OPENAI_API_CONFIGS": json.dumps({"1": {"enable": True, "api_type": "responses"}}),
        "ENABLE_OLLAMA_API": "true",
        "OLLAMA_BASE_URLS": faulty_server,
    }


def make_question(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


async def receive_turn(socket: Any) -> list[str]:
    """Return the messages of one turn of `/api/ws/chat`, to its last."""
    messages: list[str] = []
    while not messages or (messages[-1] != "[DONE]" and '{"error"' not in messages[-1]):
        messages.append((await socket.receive(timeout=10)).data)
    return messages


async def test_every_turn_of_a_socket_ends(ada: Person) -> None:
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        for fault in FAULTS:
            await socket.send_json(make_question(fault.name))
            *_, last = await receive_turn(socket)
            assert last == ("[DONE]" if fault.error is None else f'{{"error":{{"message":"{fault.error}"}}}}')


async def test_the_next_turn_of_a_socket_may_follow_at_once(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = {"title": "T", "history": {"currentId": None, "messages": {}}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    save_message = turn_store.save_message

    async def save_slowly(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0.1)
        return await save_message(*arguments, **options)

    monkeypatch.setattr(turn_store, "save_message", save_slowly)
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        for number in range(3):
            metadata = {"chat_id": chat_id, "message_id": f"answer-{number}"}
            await socket.send_json(make_question("end-without-done", metadata=metadata))
            assert (await receive_turn(socket))[-1] == "[DONE]"
            messages = (await ada.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]
            assert messages[f"answer-{number}"]["content"] == "Hello"
