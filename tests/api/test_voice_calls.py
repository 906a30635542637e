"""Voice calls: the page's commands, the provider's events, access; and texts that the Realtime API reads aloud."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from fastback.features.audio import call_socket
from realtime_provider import SAMPLES, RealtimeProvider, run_realtime_provider

AUDIO = "/api/v1/audio"


@pytest.fixture
async def provider() -> AsyncIterator[RealtimeProvider]:
    async with run_realtime_provider() as running:
        yield running


async def configure(ada: Person, provider: RealtimeProvider, **fields: Any) -> None:
    """Enable calls, with these settings."""
    page = (await ada.get(f"{AUDIO}/config")).ok()
    settings = {"ENABLED": True, "OPENAI_API_BASE_URL": f"{provider.url}/v1", "OPENAI_API_KEY": "rt", **fields}
    (await ada.post(f"{AUDIO}/config/update", page | {"realtime": page["realtime"] | settings})).ok()


class Call:
    """The page's end of a call."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, **fields})

    async def receive(self) -> Any:
        return await self._socket.receive_json(timeout=10)

    async def receive_until(self, kind: str) -> Any:
        while (event := await self.receive())["type"] != kind:
            assert event["type"] != "bridge.error", event
        return event

    async def read_error(self) -> str:
        """Return the message that ends the call."""
        while (event := await self.receive())["type"] != "bridge.error":
            pass
        end = await self._socket.receive(timeout=10)
        assert end.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        return str(event["message"])


@asynccontextmanager
async def open_call(person: Person, **form: Any) -> AsyncIterator[Call]:
    async with person.http().ws_connect(f"{person.url}{AUDIO}/realtime") as socket:
        auth = {"type": "auth", "token": person.token, "model_id": "demo-small", **form}
        await socket.send_json(auth)
        yield Call(socket)


async def read_refusal(person: Person, **form: Any) -> str:
    async with open_call(person, **form) as call:
        return await call.read_error()


async def test_a_call_forwards_sound_and_asks_the_chat_model(
    ada: Person, bob: Person, open_models: None, provider: RealtimeProvider
) -> None:
    await configure(ada, provider, INPUT_PARAMS={"noise_reduction": {"type": "near_field"}})
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "Call"}})).ok()
    async with open_call(bob, chat_id=chat["id"]) as call:
        ready = await call.receive()
        expected = {"model": "gpt-realtime-2.1-mini", "voice": "marin", "sample_rate": 24000}
        assert ready == {"type": "bridge.ready", **expected}
        ((path, headers),) = provider.headers
        assert path == "/v1/realtime?model=gpt-realtime-2.1-mini" and headers["Authorization"] == "Bearer rt"
        session = provider.received[0]["session"]
        assert session["type"] == "realtime" and session["output_modalities"] == ["audio"]
        assert session["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}
        assert session["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
        assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
        assert [tool["name"] for tool in session["tools"]] == ["generate_chat_completion"]

        await call.send("bridge.ping")
        assert (await call.receive()) == {"type": "bridge.pong"}
        microphone = base64.b64encode(SAMPLES).decode()
        await call.send("input_audio_buffer.append", audio=microphone)
        assert (await provider.wait_for("input_audio_buffer.append"))["audio"] == microphone

        heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u1"}
        await provider.send({**heard, "transcript": "What is the time?"})
        await call.receive_until(heard["type"])
        await call.send("bridge.respond", item_id="u1")
        created = await call.receive_until("response.created")
        assert created["response"]["metadata"] == {"input_item_id": "u1"}
        await call.receive_until("response.done")
        await call.send("conversation.item.truncate", item_id="i1", content_index=0, audio_end_ms=200)
        await provider.wait_for("conversation.item.truncate")

        arguments = json.dumps({"request": "the time"})
        function = {"type": "function_call", "status": "completed", "name": "generate_chat_completion"}
        item = {**function, "call_id": "c1", "arguments": arguments}
        await provider.send({"type": "response.output_item.done", "response_id": "r1", "item": item})
        await call.receive_until("response.output_item.done")
        await call.send("bridge.result", call_id="c1", status="completed", answer="It is noon.")
        output = (await provider.wait_for("conversation.item.create"))["item"]
        assert output["type"] == "function_call_output" and output["call_id"] == "c1"
        assert json.loads(output["output"]) == {"status": "completed", "answer": "It is noon."}
        await call.send("bridge.respond", call_id="c1")
        assert (await call.receive_until("response.created"))["response"]["metadata"] == {"call_id": "c1"}

        # What is not understood leaves the provider's history.
        await provider.send({**heard, "item_id": "u2", "transcript": " "})
        assert (await provider.wait_for("conversation.item.delete"))["item_id"] == "u2"
        await call.send("bridge.context", messages=[{"role": "user", "content": "Hello"}])
        await call.send("bridge.context", messages=[])
        await call.send("bridge.status", status="working")
        while (await call.receive_until("response.created"))["response"]["metadata"] != {"status": "working"}:
            pass
        deleted = [event["item_id"] for event in provider.received if event["type"] == "conversation.item.delete"]
        assert deleted == ["u2", "chat_context_1"]
        cancelled = {"type": "error", "error": {"code": "response_cancel_not_active"}}
        await provider.send(cancelled)
        await provider.send({"type": "error", "error": {"message": "secret key sk-1"}})
        assert await call.read_error() == "Voice provider rejected a request"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"type": "session.update", "session": {}}, "Unsupported call command"),
        ({"type": "response.create", "response": {}}, "Unsupported call command"),
        ({"type": "input_audio_buffer.append", "audio": "", "more": 1}, "Unsupported call command"),
        ({"type": "input_audio_buffer.append", "audio": ""}, "Invalid microphone audio"),
        ({"type": "input_audio_buffer.append", "audio": "A" * 80_000}, "Invalid microphone audio"),
        ({"type": "input_audio_buffer.append", "audio": 5}, "Invalid call command"),
        ({"type": "response.cancel", "response_id": "r9"}, "Unknown response"),
        ({"type": "response.cancel", "response_id": []}, "Invalid call command"),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1},
            "Invalid playback position",
        ),
        ({"type": "bridge.context", "messages": [{"role": "system", "content": "x"}]}, "Invalid history message"),
        (
            {"type": "bridge.context", "messages": [{"role": "user", "content": "x" * 30_000}] * 3},
            "Call history is too large",
        ),
        (
            {"type": "bridge.result", "call_id": "c", "status": "completed", "answer": ""},
            "Unknown or resolved function call",
        ),
        ({"type": "bridge.respond", "item_id": "u9"}, "Unknown or already answered input"),
        ({"type": "bridge.respond", "call_id": "c9"}, "Function result is not ready"),
        ({"type": "bridge.animation.result", "call_id": "c", "status": "started"}, "Invalid animation result"),
        ({"type": "bridge.status", "status": "rude"}, "Unsupported call command"),
        ({"type": "bridge.ping", "more": "x" * 600_000}, "Call event is too large"),
        ([], "Invalid call command"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_command_outside_of_the_rules_ends_the_call(
    ada: Person, provider: RealtimeProvider, command: Any, message: str
) -> None:
    await configure(ada, provider)
    async with open_call(ada) as call:
        await call.receive_until("bridge.ready")
        await call._socket.send_json(command)
        assert await call.read_error() == message
    assert [event["type"] for event in provider.received] == ["session.update"]


async def test_who_may_call(server: Server, ada: Person, bob: Person, provider: RealtimeProvider) -> None:
    assert await read_refusal(ada) == "Realtime calls are disabled"
    await configure(ada, provider)
    assert await read_refusal(server.stranger(), token="forged") == "Authentication expired or invalid"
    pending = await server.add_user(ada, "Dora", role="pending")
    assert await read_refusal(pending) == "Authentication expired or invalid"
    assert await read_refusal(bob, model_id="demo-small") == "Chat model access denied"
    assert await read_refusal(bob, model_id="unknown") == "Bridge requires a server-configured chat model"
    assert await read_refusal(bob, model_id=None) == "Select a chat model"
    chat = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Mine"}})).ok()
    assert await read_refusal(bob, chat_id=chat["id"]) == "Chat not found"
    assert await read_refusal(bob, chat_id=5) == "Invalid chat"
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"]["call"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    assert await read_refusal(bob) == "Call permission denied"
    assert provider.headers == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_call_ends_when_the_user_may_call_no_longer(
    ada: Person, bob: Person, open_models: None, provider: RealtimeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_socket, "ACCESS_CHECK_INTERVAL", 0.05)
    await configure(ada, provider)
    async with open_call(bob) as call:
        await call.receive_until("bridge.ready")
        permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
        permissions["chat"]["call"] = False
        (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
        assert await call.read_error() == "Call permission revoked"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_provider_that_refuses_or_fails_is_named_without_its_secrets(
    ada: Person, provider: RealtimeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await configure(ada, provider)
    rejected = "Realtime provider authentication rejected. Check the credentials and access."
    missing = "Realtime endpoint not found. Check the API base URL and deployment name."
    for status, message in ((401, rejected), (404, missing), (500, "Voice connection failed")):
        provider.status = status
        assert await read_refusal(ada) == message
    provider.status = 101
    provider.fault = "error"
    assert await read_refusal(ada) == (
        "Provider rejected voice configuration. Check model, voice, and transcription model."
    )
    monkeypatch.setattr(call_socket, "_START_SECONDS", 0.3)
    provider.fault = "hang"
    assert await read_refusal(ada) == "Voice connection timed out"
    provider.fault = "close"
    async with open_call(ada) as call:
        await call.receive_until("bridge.ready")
        await call.send("bridge.status", status="working")
        assert await call.read_error() == "Voice provider connection closed"
    for fields, message in (
        ({"OPENAI_API_KEY": ""}, "Configure the Realtime API key"),
        ({"OPENAI_API_BASE_URL": "ftp://x"}, "Invalid Realtime provider URL"),
        ({"AUTH_TYPE": "microsoft_entra_id"}, "Microsoft Entra ID requires the Azure OpenAI Realtime provider"),
        (
            {"AUTH_TYPE": "microsoft_entra_id", "PROVIDER": "azure"},
            "Unable to obtain a Microsoft Entra ID token for Realtime calls",
        ),
    ):
        await configure(ada, provider, **fields)
        assert await read_refusal(ada) == message
    provider.fault = ""
    await configure(ada, provider, PROVIDER="azure", AUTH_TYPE="api_key")
    async with open_call(ada) as call:
        await call.receive_until("bridge.ready")
    assert provider.headers[-1][1]["api-key"] == "rt"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_first_message_has_to_authenticate(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_socket, "_AUTH_SECONDS", 0.3)
    stranger = server.stranger()
    for message, refusal in (
        ('{"type":"auth"}', "Authentication required"),
        ("[]", "Authentication required"),
        ("x" * 9000, "Invalid authentication message"),
        ("{", "Voice connection failed"),
        (None, "Voice connection timed out"),
    ):
        async with stranger.http().ws_connect(f"{server.url}{AUDIO}/realtime") as socket:
            if message is not None:
                await socket.send_str(message)
            assert await Call(socket).read_error() == refusal


async def test_the_realtime_api_reads_texts_aloud(server: Server, ada: Person, bob: Person) -> None:
    async with run_realtime_provider() as provider:
        page = (await ada.get(f"{AUDIO}/config")).ok()
        tts = {
            "ENGINE": "openai-realtime",
            "OPENAI_API_BASE_URL": f"{provider.url}/v1/",
            "OPENAI_API_KEY": "rt",
            "MODEL": "gpt-realtime-2.1",
        }
        (await ada.post(f"{AUDIO}/config/update", page | {"tts": page["tts"] | tts})).ok()
        replies = await asyncio.gather(*(bob.post(f"{AUDIO}/speech", {"input": "Good morning."}) for _ in range(2)))
        replies.append(await bob.post(f"{AUDIO}/speech", {"input": "Good morning.", "model": "ignored"}))
        for reply in replies:
            assert (reply.status, reply.headers["content-type"]) == (200, "audio/wav")
            with wave.open(io.BytesIO(reply.body)) as file:
                assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 24000, 2)
                assert file.readframes(100_000) == SAMPLES * 2
        assert [path for path, _ in provider.headers] == ["/v1/realtime?model=gpt-realtime-2.1"]
        assert [event["type"] for event in provider.received] == ["session.update", "response.create"]
        content = provider.received[1]["response"]["input"][0]["content"]
        assert content == [{"type": "input_text", "text": "Good morning."}]
        names = {path.suffix for path in (server.data_dir / "cache" / "audio" / "speech").iterdir()}
        assert names == {".wav"}
        (await bob.post(f"{AUDIO}/speech", {"input": " "})).refused(400, "Speech input must be nonempty text.")
        for fault, detail in (
            ("error", "OpenAI Realtime rejected synthesis. Check the model, voice, and key."),
            ("failed", "OpenAI Realtime speech generation did not complete."),
            ("close", "OpenAI Realtime closed before speech generation completed."),
            ("odd", "OpenAI Realtime returned invalid audio or event data."),
        ):
            provider.fault = fault
            (await bob.post(f"{AUDIO}/speech", {"input": fault})).refused(502, detail)
        provider.status = 403
        detail = "OpenAI Realtime connection rejected (HTTP 403)."
        (await bob.post(f"{AUDIO}/speech", {"input": "x"})).refused(502, detail)
