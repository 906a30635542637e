"""Refusals of model servers, in the forms that servers give them: status and reason come through at every entrance."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from fault_events import JSON, encode
from faulty_model_server import Fault, serve_faults
from page_client import open_page

CHAT = "/api/chat/completions"
CONNECTION_ERROR = "Open WebUI: Server Connection Error"


def refuse(name: str, body: bytes, error: str, **fields: Any) -> Fault:
    return Fault(name=name, pieces=(body,), error=error, **{"content_type": JSON, "status": 500, **fields})


REFUSALS = [
    refuse("refused", encode({"error": {"message": "No."}}), "No.", status=429),
    refuse("refused-with-text", b" No.\n", "No.", content_type="text/plain"),
    refuse("refused-with-html", b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>", content_type="text/html", status=502),
    refuse("refused-without-body", b"", "Provider returned HTTP 503", status=503),
    refuse("refused-without-content-type", encode({"error": "No."}), "No.", content_type=""),
    refuse("refused-in-a-list", encode([{"error": {"message": "No."}}]), "No.", status=400),
    refuse("refused-with-detail", encode({"detail": {"message": "No."}}), "No."),
    refuse("refused-with-empty-error", encode({"error": {}, "message": "No."}), "No."),
    refuse("refused-as-stream", b"data: No.\n\n", "data: No.", content_type="text/event-stream"),
    refuse("refused-with-surrogate", encode({"error": {"message": "No\ud83d."}}), "No\ufffd."),
    refuse("refused-without-utf-8", b'{"error": {"message": "No\xff."}}', "No\ufffd."),
    refuse("refused-with-nan", b'{"error": {"message": "No.", "code": NaN}}', "No."),
    refuse("refused-with-other-types", encode({"error": {"message": 5, "code": {"a": []}}}), "5", status=404),
    refuse("refused-deep", b"[" * 900 + b"]" * 900, "[" * 900 + "]" * 900),
    refuse("refused-and-broken-off", b'{"error', "Provider returned HTTP 500", breaks=True),
    refuse("ollama-refused", encode({"error": "No."}), "No.", protocol="ollama", status=404),
    refuse("ollama-refused-with-text", b"No.", CONNECTION_ERROR, protocol="ollama"),
    refuse("ollama-refused-without-reason", encode({"error": ""}), CONNECTION_ERROR, protocol="ollama"),
]


@pytest.fixture
async def environment() -> AsyncIterator[dict[str, str]]:
    async with serve_faults(REFUSALS) as url:
        yield {"OPENAI_API_BASE_URLS": f"{url}/v1", "ENABLE_OLLAMA_API": "true", "OLLAMA_BASE_URLS": url}


def make_question(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


async def test_the_page_shows_the_reason(ada: Person) -> None:
    async with open_page(ada) as page:
        for refusal in REFUSALS:
            page.events.clear()
            ids = await page.ask("Hi", models=[refusal.name])
            (failure,) = page.list_data("chat:message:error")
            assert (refusal.name, failure["error"]["content"]) == (refusal.name, refusal.error)
            answer = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
            assert answer["done"] is True and answer["error"]["content"] == refusal.error


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_socket_is_sent_the_reason(ada: Person) -> None:
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        for refusal in REFUSALS:
            await socket.send_json(make_question(refusal.name))
            assert await socket.receive_json() == {"error": {"message": refusal.error}}


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("path", [CHAT, "/api/v1/messages"])
async def test_api_clients_get_status_and_body_of_the_server(ada: Person, path: str) -> None:
    for refusal in REFUSALS:
        for stream in (False, True):
            reply = await ada.post(path, make_question(refusal.name, stream=stream, max_tokens=9))
            assert (refusal.name, reply.status) == (refusal.name, refusal.status)
            if refusal.protocol == "ollama":
                reply.refused(refusal.status, refusal.error)
            elif refusal.name in ("refused", "refused-in-a-list", "refused-with-detail"):
                assert reply.json == json.loads(refusal.body)
            elif refusal.name == "refused-as-stream":
                assert "No." in reply.json["error"]["message"] and reply.json["error"]["code"] == 500
            elif refusal.content_type in ("text/plain", "text/html"):
                assert reply.text == refusal.body.decode()
