"""Texts that engines speak: requests, cache, shared work, failures, permissions."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from recordings import make_tone, needs_ffmpeg
from speech_engines import HEAD, SOUND, SpeechEngines, name_cached_speech, run_speech_engines

AUDIO = "/api/v1/audio"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
TEXT = {"input": "Good morning.", "voice": "nova"}


@pytest.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    async with run_speech_engines() as running:
        yield running


@pytest.fixture
def environment(engines: SpeechEngines) -> dict[str, str]:
    return {"ELEVENLABS_API_BASE_URL": engines.url, "AIOHTTP_CLIENT_TIMEOUT": "3"}


async def configure(ada: Person, **fields: Any) -> None:
    """Change settings of text to speech."""
    page = (await ada.get(f"{AUDIO}/config")).ok()
    (await ada.post(f"{AUDIO}/config/update", page | {"tts": page["tts"] | fields})).ok()


@pytest.fixture
async def openai(ada: Person, engines: SpeechEngines) -> SpeechEngines:
    """Let OpenAI's engine speak."""
    await configure(
        ada,
        ENGINE="openai",
        OPENAI_API_BASE_URL=f"{engines.url}/openai/v1",
        OPENAI_API_KEY="key",
        MODEL="tts-1-hd",
        VOICE="alloy",
        OPENAI_PARAMS={"speed": 1.25},
    )
    return engines


def list_cache(server: Server) -> dict[str, bytes]:
    """Return the files of the cache by name."""
    directory = server.data_dir / "cache" / "audio" / "speech"
    return {path.name: path.read_bytes() for path in directory.iterdir()} if directory.is_dir() else {}


async def test_a_text_is_spoken_once_and_cached_under_the_name_of_the_reference(
    server: Server, bob: Person, openai: SpeechEngines
) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, lambda event: events.append(event))
    body = json.dumps(TEXT).encode()
    headers = {"content-type": "application/json"}
    for _ in range(2):
        reply = await bob.request("POST", f"{AUDIO}/speech", data=body, headers=headers)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "audio/mpeg", SOUND)
    ((path, sent_headers, sent),) = openai.requests
    assert path == "/openai/v1/audio/speech" and sent_headers["Authorization"] == "Bearer key"
    assert sent == {"input": "Good morning.", "voice": "nova", "model": "tts-1-hd", "speed": 1.25}
    name = name_cached_speech(body, "openai", "tts-1-hd")
    cache = list_cache(server)
    assert set(cache) == {f"{name}.mp3", f"{name}.json"} and cache[f"{name}.mp3"] == SOUND
    assert json.loads(cache[f"{name}.json"]) == sent
    spoken = [event for event in events if event.event == "audio.speech_requested"]
    assert [(event.subject_id, event.data) for event in spoken] == [
        (name, {"engine": "openai", "model": None, "input_preview": "Good morning.", "cached": False}),
        (name, {"engine": "openai", "cached": True}),
    ]
    await bob.post(f"{AUDIO}/speech", {"input": "Good evening."})
    assert openai.requests[-1][2]["voice"] == "alloy", "the voice of the settings"


async def read_sound(person: Person, body: Any) -> AsyncIterator[bytes]:
    async with person.http().post(f"{person.url}{AUDIO}/speech", json=body) as response:
        assert response.status == 200, await response.text()
        async for chunk in response.content.iter_any():
            yield chunk


async def test_the_sound_begins_before_the_engine_ends_and_is_shared(
    server: Server, bob: Person, cy: Person, openai: SpeechEngines
) -> None:
    openai.may_continue.clear()
    sounds = [read_sound(person, TEXT) for person in (bob, cy)]
    beginnings = [await asyncio.wait_for(anext(sound), 5) for sound in sounds]
    assert all(beginning and HEAD.startswith(beginning) for beginning in beginnings)
    assert not [name for name in list_cache(server) if name.endswith(".mp3")]
    openai.may_continue.set()
    for beginning, sound in zip(beginnings, sounds, strict=True):
        assert beginning + b"".join([chunk async for chunk in sound]) == SOUND
    assert len(openai.requests) == 1
    assert len(list_cache(server)) == 2


async def test_a_sound_is_completed_for_the_cache_although_its_listener_has_left(
    server: Server, bob: Person, openai: SpeechEngines
) -> None:
    openai.may_continue.clear()
    sound = read_sound(bob, TEXT)
    await anext(sound)
    await sound.aclose()
    openai.may_continue.set()
    assert (await bob.post(f"{AUDIO}/speech", TEXT)).body == SOUND
    assert len(openai.requests) == 1


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        ("refuse", 402, "External: No credit left"),
        ("message", 429, "External: Slow down"),
        ("text", 503, "External: 503, message='Service Unavailable'"),
        ("html", 500, "External: the answer is not a sound but text/html"),
        ("empty", 500, "External: the answer is empty"),
        ("early", 500, "Open WebUI: Server Connection Error"),
        ("hang", 500, "Open WebUI: Server Connection Error"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_failing_engine_is_reported_and_nothing_is_cached(
    server: Server, bob: Person, openai: SpeechEngines, fault: str, status: int, detail: str
) -> None:
    openai.fault = fault
    replies = await asyncio.gather(*(bob.post(f"{AUDIO}/speech", TEXT) for _ in range(2)))
    for reply in replies:
        reply.refused(status, detail)
    assert list_cache(server) == {}
    openai.fault = ""
    assert (await bob.post(f"{AUDIO}/speech", TEXT)).body == SOUND


async def test_an_engine_that_breaks_off_breaks_the_response(
    server: Server, bob: Person, openai: SpeechEngines
) -> None:
    openai.fault = "break"
    openai.may_continue.clear()
    sound = read_sound(bob, TEXT)
    await anext(sound)
    openai.may_continue.set()
    with pytest.raises(aiohttp.ClientError):
        async for _ in sound:
            pass
    assert list_cache(server) == {}


async def test_who_may_have_texts_read(
    server: Server, ada: Person, bob: Person, anonymous: Person, engines: SpeechEngines
) -> None:
    (await anonymous.post(f"{AUDIO}/speech", TEXT)).refused(401, "Not authenticated")
    (await bob.post(f"{AUDIO}/speech", TEXT)).refused(404, "We could not find what you're looking for :/")
    pending = await server.add_user(ada, "Dora", role="pending")
    (await pending.post(f"{AUDIO}/speech", TEXT)).refused(401)
    await configure(ada, ENGINE="openai", OPENAI_API_BASE_URL=f"{engines.url}/openai/v1")
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"]["tts"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await bob.post(f"{AUDIO}/speech", TEXT)).refused(403, PROHIBITED)
    assert engines.requests == []
    assert (await ada.post(f"{AUDIO}/speech", TEXT)).body == SOUND


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_invalid_requests_are_refused_before_an_engine_is_asked(
    ada: Person, bob: Person, openai: SpeechEngines
) -> None:
    (await bob.request("POST", f"{AUDIO}/speech", data=b"{oh")).refused(400, "Invalid JSON payload")
    (await bob.request("POST", f"{AUDIO}/speech", data=b"[1]")).refused(400)
    (await bob.request("POST", f"{AUDIO}/speech", data=b" " * 5 * 1024**2)).refused(413)
    await configure(ada, ENGINE="parrot")
    (await bob.post(f"{AUDIO}/speech", TEXT)).refused(400, "Unsupported TTS engine: parrot")
    await configure(ada, ENGINE="mistral", MISTRAL_API_KEY="")
    (await bob.post(f"{AUDIO}/speech", TEXT)).refused(400, "Mistral API key is required for Mistral TTS")
    await configure(ada, ENGINE="azure", AZURE_SPEECH_BASE_URL=openai.url)
    (await bob.post(f"{AUDIO}/speech", {"input": 5})).refused(400)
    assert openai.requests == []
    await configure(ada, ENGINE="elevenlabs")
    for voice in ("", 5, None, "unknown"):
        (await bob.post(f"{AUDIO}/speech", {**TEXT, "voice": voice})).refused(400, "Invalid voice id")
    assert set(openai.list_paths()) == {"/v1/voices"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_engines_get_requests_of_their_own_protocol(ada: Person, bob: Person, engines: SpeechEngines) -> None:
    await configure(ada, ENGINE="elevenlabs", API_KEY="xi", MODEL="eleven_v3")
    for text in ("one", "two"):
        assert (await bob.post(f"{AUDIO}/speech", {"input": text, "voice": "rachel"})).body == SOUND
    assert engines.list_paths() == ["/v1/voices", "/v1/text-to-speech/rachel", "/v1/text-to-speech/rachel"]
    _, headers, body = engines.requests[1]
    assert headers["xi-api-key"] == "xi" and headers["Accept"] == "audio/mpeg"
    assert body == {
        "text": "one",
        "model_id": "eleven_v3",
        "voice_settings": {"stability": 0.5, "similarity_boost": 0.5},
    }

    form = "audio-24khz-160kbitrate-mono-mp3"
    await configure(
        ada, ENGINE="azure", AZURE_SPEECH_BASE_URL=engines.url, AZURE_SPEECH_OUTPUT_FORMAT=form, VOICE="de-DE-Katja"
    )
    assert (await bob.post(f"{AUDIO}/speech", {"input": "Tom & <Jerry>"})).body == SOUND
    path, headers, body = engines.requests[-1]
    assert path == "/cognitiveservices/v1" and headers["Ocp-Apim-Subscription-Key"] == "xi"
    assert headers["Content-Type"] == "application/ssml+xml" and headers["X-Microsoft-OutputFormat"] == form
    assert body.decode() == (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="de-DE">'
        '<voice name="de-DE-Katja">Tom &amp; &lt;Jerry&gt;</voice></speak>'
    )

    await configure(
        ada, ENGINE="mistral", MISTRAL_API_BASE_URL=f"{engines.url}/mistral", MISTRAL_API_KEY="mi", MODEL=""
    )
    assert (await bob.post(f"{AUDIO}/speech", {"input": "Salut", "voice": "m1"})).body == SOUND
    _, headers, body = engines.requests[-1]
    assert headers["Authorization"] == "Bearer mi"
    assert body == {
        "input": "Salut",
        "model": "voxtral-mini-tts-2603",
        "voice_id": "m1",
        "response_format": "mp3",
    }
    engines.fault = "html"
    (await bob.post(f"{AUDIO}/speech", {"input": "Bonsoir"})).refused(500, "External: the answer is not JSON")


@needs_ffmpeg
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_other_formats_become_mp3(bob: Person, openai: SpeechEngines) -> None:
    wav = make_tone(1.0)
    for content_type, sound in (
        ("audio/wav", wav),
        ("audio/pcm;rate=16000;channels=1", wav[44:]),
        ("audio/L16; rate=x; channels=99999999999", wav[44:]),
    ):
        openai.content_type, openai.sound = content_type, sound
        reply = await bob.post(f"{AUDIO}/speech", {"input": content_type})
        assert reply.status == 200 and reply.headers["content-type"] == "audio/mpeg"
        assert reply.body[:3] == b"ID3" or reply.body[0] == 0xFF, reply.body[:20]
    openai.content_type, openai.sound = "audio/flac", b"no sound at all" * 100
    detail = (await bob.post(f"{AUDIO}/speech", {"input": "noise"})).refused(500)
    assert detail.startswith("External: ")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_ffmpeg_samples_get_a_head_and_other_formats_stay(
    bob: Person, openai: SpeechEngines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wav = make_tone(0.5)
    openai.content_type, openai.sound = "audio/wav", wav
    assert (await bob.post(f"{AUDIO}/speech", {"input": "a"})).body == wav
    openai.content_type, openai.sound = "audio/pcm", wav[44:]
    sound = (await bob.post(f"{AUDIO}/speech", {"input": "b"})).body
    assert (sound[:4], sound[24:28], sound[44:]) == (b"RIFF", (24000).to_bytes(4, "little"), wav[44:])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_slow_engine_slows_nobody_else(bob: Person, cy: Person, openai: SpeechEngines) -> None:
    openai.fault = "hang"
    waiting = [asyncio.create_task(bob.post(f"{AUDIO}/speech", {"input": str(number)})) for number in range(20)]
    await asyncio.sleep(0.2)
    begin = time.monotonic()
    (await cy.get("/api/v1/auths/")).ok()
    assert time.monotonic() - begin < 1
    for reply in await asyncio.gather(*waiting):
        reply.refused(500)
