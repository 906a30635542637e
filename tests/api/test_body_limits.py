"""How large request bodies may be: four megabytes, and more where chats, images and imports come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from conftest import Person, Server
from fastback.kit.http.bounded_http_protocol import BoundedHttpProtocol
from loop_holds import measure_holds, read_resident_memory
from model_recorder import OLLAMA, OPENAI, record_models

LONG = "x" * 5_000_000


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


@pytest.mark.parametrize(
    "path",
    [
        "prompts/create",
        "knowledge/create",
        "tools/create",
        "auths/update/profile",
        "groups/create",
        "chats/1/tags",
        "retrieval/query/doc",
        "configs/banners",
    ],
)
async def test_most_bodies_are_limited_to_four_megabytes(ada: Person, path: str) -> None:
    (await ada.post(f"/api/v1/{path}", {"content": LONG})).refused(
        413, "Request body is too large: 4194304 bytes at most"
    )


@pytest.mark.parametrize(
    "path",
    [
        *(
            "v1/chats/new",
            "v1/chats/import",
            "v1/chats/1",
            "v1/chats/1/messages/2",
            "chat/completions",
            "chat/completed",
        ),
        *("v1/messages", "v1/embeddings", "v1/tasks/title/completions", "v1/evaluations/feedback", "v1/notes/create"),
        *(
            "v1/models/create",
            "v1/models/import",
            "v1/models/sync",
            "v1/functions/sync",
            "v1/files/1/data/content/update",
        ),
        *("v1/retrieval/process/text", "v1/folders/", "v1/users/user/settings/update", "v1/configs/import"),
    ],
)
async def test_chats_images_and_imports_may_be_larger(ada: Person, path: str) -> None:
    # Every body lacks what the operation needs, or names what does not exist.
    assert (await ada.post(f"/api/{path}", [LONG])).status in (400, 404, 422)


@pytest.mark.parametrize(
    "environment", [{"FASTBACK_MAX_BODY_MB": "1", "FASTBACK_MAX_CONTENT_BODY_MB": "3"}], indirect=True
)
async def test_the_limits_are_settings(ada: Person) -> None:
    for size, prompt_status, chat_status in ((900_000, 200, 200), (2_000_000, 413, 200), (4_000_000, 413, 413)):
        text = "x" * size
        prompt = {"command": f"c{size}", "name": "C", "content": text}
        assert (await ada.post("/api/v1/prompts/create", prompt)).status == prompt_status
        assert (await ada.post("/api/v1/chats/new", {"chat": {"title": "t", "note": text}})).status == chat_status


async def test_blanks_before_a_body_cost_no_memory(ada: Person) -> None:
    headers = {"content-type": "application/json"}
    blanks = b" \n" * 20_000_000
    before = read_resident_memory()
    with measure_holds() as holds:
        content = b'{"chat":{"title":"Blank"}}'
        created = (await ada.post("/api/v1/chats/new", data=stream(blanks, content), headers=headers)).ok()
        assert created["title"] == "Blank"
        for body in (stream(blanks), stream(blanks, b"\f", content), stream(b"[", blanks)):
            (await ada.post("/api/v1/chats/new", data=body, headers=headers)).refused(422)
    assert holds.peak_memory < before + 100, "40 MB are sent four times"


async def test_a_large_body_of_many_values_is_held_once(ada: Person) -> None:
    """It stays in the parts in which it arrives: to free megabytes in one piece holds the event loop."""
    headers = {"content-type": "application/json"}
    values = b'{"chat":{"history":[' + b"[]," * 20_000_000 + b"[]]}}"
    before = read_resident_memory()
    with measure_holds() as holds:
        reply = await ada.post("/api/v1/chats/new", data=stream(values), headers=headers)
        reply.refused(413, "Request body has too many values")
        (await ada.post("/api/v1/chats/new", data=stream(values), headers={"content-type": "text/plain"})).refused(422)
    assert holds.peak_memory < before + 100, "60 MB are sent twice"


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces."""
    for part in parts:
        for start in range(0, len(part), 65_536):
            yield part[start : start + 65_536]


async def test_what_follows_a_refusal_is_dropped_in_several_turns_of_the_loop(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that goes on reading takes up to eight megabytes of a fast client in one turn."""
    goes_on: list[bool] = []
    receive = BoundedHttpProtocol.data_received

    def receive_watched(protocol: BoundedHttpProtocol, data: bytes) -> None:
        receive(protocol, data)
        if protocol._is_lingering and len(data) >= 65_536:
            goes_on.append(protocol.transport.is_reading())

    monkeypatch.setattr(BoundedHttpProtocol, "data_received", receive_watched)
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v1/auths/signin HTTP/1.1\r\nhost: x\r\ncontent-length: 40000000\r\n\r\n")
    assert b" 413 " in await reader.readline()
    writer.write(bytes(40_000_000))
    await writer.drain()
    writer.transport.abort()
    assert len(goes_on) > 40 and not any(goes_on)


async def test_a_body_of_unknown_length_is_forwarded(ada: Person, server: Server) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b'{"model": "demo-small", "input": "'
        yield b"x" * 65_536
        yield b'"}'

    headers = {"content-type": "application/json"}
    async with ada.http().post(f"{server.url}/openai/responses", data=stream(), headers=headers) as response:
        assert response.status == 200 and (await response.json())["object"] == "response"


async def test_a_large_body_is_forwarded_with_fields_that_nobody_declares(ada: Person) -> None:
    async with record_models(ada) as recorder:
        for path, model_id, inputs in (
            ("/openai/responses", OPENAI, [12_345_678] * 200_000),
            ("/ollama/api/embed", OLLAMA, ["a text"] * 200_000),
        ):
            body = {"model": model_id, "input": inputs, "seed": 7}
            (await ada.post(path, body)).ok()
            assert recorder.body == body
