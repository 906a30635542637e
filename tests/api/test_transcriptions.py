"""Recordings that engines transcribe: requests, conversion, division, failures, permissions."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conftest import Person, Reply, Server
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from fastback.media.speech import deepgram_recognition
from fastback.media.speech import recordings as preparation
from recordings import convert, make_tone, make_video, measure_seconds, needs_ffmpeg
from speech_engines import SpeechEngines, run_speech_engines

AUDIO = "/api/v1/audio"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
UNREADABLE = "Audio conversion failed. The audio file may be corrupted or empty."
NOT_SUPPORTED = (
    "Oops! It seems like the file format you're trying to upload is not supported. Please upload a file with a "
    "supported format and try again."
)


@pytest.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    async with run_speech_engines() as running:
        yield running


@pytest.fixture
def environment() -> dict[str, str]:
    return {"AIOHTTP_CLIENT_TIMEOUT": "3", "FASTBACK_MAX_RECORDING_MB": "3"}


async def configure(ada: Person, **fields: Any) -> None:
    """Change settings of speech to text."""
    page = (await ada.get(f"{AUDIO}/config")).ok()
    (await ada.post(f"{AUDIO}/config/update", page | {"stt": page["stt"] | fields})).ok()


@pytest.fixture
async def openai(ada: Person, engines: SpeechEngines) -> SpeechEngines:
    """Let OpenAI's engine transcribe."""
    url = f"{engines.url}/openai/v1"
    await configure(ada, ENGINE="openai", OPENAI_API_BASE_URL=url, OPENAI_API_KEY="key", MODEL="whisper-1")
    return engines


async def transcribe(
    person: Person, content: bytes, name: str = "talk.wav", kind: str | None = "audio/wav", **fields: str
) -> Reply:
    form = aiohttp.FormData()
    for field, value in fields.items():
        form.add_field(field, value)
    form.add_field("file", content, filename=name, content_type=kind)
    return await person.request("POST", f"{AUDIO}/transcriptions", data=form)


def list_stored(server: Server) -> list[Path]:
    return sorted((server.data_dir / "cache" / "audio" / "transcriptions").glob("*"))


@needs_ffmpeg
async def test_a_recording_is_converted_transcribed_and_stored(
    server: Server, bob: Person, openai: SpeechEngines, tmp_path: Path
) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, lambda event: events.append(event))
    sound = make_tone(1.0)
    reply = (await transcribe(bob, sound, "Talk.WAV", "audio/wav", language="de")).ok()
    assert reply["text"] == "Good morning." and reply["filename"].endswith(".wav")
    ((path, headers, form),) = openai.requests
    assert path == "/openai/v1/audio/transcriptions" and headers["Authorization"] == "Bearer key"
    name, _, content = form.pop("file")
    assert form == {"model": "whisper-1", "language": "de"} and name.endswith(".mp3")
    assert 0.9 < measure_seconds(content, tmp_path / "sent.mp3") < 1.3
    transcript, recording = list_stored(server)
    assert recording.name == reply["filename"] and recording.read_bytes() == sound
    assert json.loads(transcript.read_bytes()) == {"text": "Good morning."}
    (event,) = [event for event in events if event.event == "audio.transcription_requested"]
    assert event.subject_id == recording.stem
    assert event.data == {"filename": "Talk.WAV", "content_type": "audio/wav", "language": "de"}
    assert (await bob.get(f"/cache/audio/transcriptions/{recording.name}")).body == sound


@needs_ffmpeg
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_formats_of_engines_are_sent_as_they_are_and_others_as_mp3(
    bob: Person, openai: SpeechEngines, tmp_path: Path
) -> None:
    tone = make_tone(1.0)
    for extension, kind, is_converted in (
        ("mp3", "audio/mpeg", False),
        ("flac", "audio/flac", False),
        ("webm", "audio/webm;codecs=opus", True),
        ("ogg", "audio/ogg", True),
        ("m4a", "audio/mp4", True),
    ):
        content = convert(tone, tmp_path / f"tone.{extension}")
        assert (await transcribe(bob, content, f"tone.{extension}", kind)).ok()["text"] == "Good morning."
        name, _, sent = openai.requests[-1][2]["file"]
        assert (sent != content) == is_converted, extension
        assert name.endswith(".mp3" if is_converted else f".{extension}")
    # The content decides, not the name.
    content = convert(tone, tmp_path / "tone.ogg")
    (await transcribe(bob, content, "tone.mp3", "audio/mpeg")).ok()
    assert openai.requests[-1][2]["file"][2] != content


@needs_ffmpeg
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_long_recording_is_compressed_and_cut_at_silences(
    bob: Person, openai: SpeechEngines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "MAX_PART_BYTES", 40_000)
    openai.transcript = "Part"
    recording = make_tone(24, silences=((7.0, 8.0), (16.0, 17.0)))
    assert (await transcribe(bob, recording)).ok()["text"] == "Part Part Part"
    parts = [form["file"] for _, _, form in openai.requests]
    assert sorted(name for name, _, _ in parts) == ["part_0.mp3", "part_1.mp3", "part_2.mp3"]
    seconds = {name: measure_seconds(content, tmp_path / name) for name, _, content in parts}
    assert all(len(content) <= 40_000 for _, _, content in parts)
    assert 7.0 < seconds["part_0.mp3"] < 8.2 and 8.0 < seconds["part_1.mp3"] < 9.7, "in the middle of each silence"
    assert abs(sum(seconds.values()) - 24) < 0.5


def test_a_recording_without_silence_is_cut_at_the_largest_length() -> None:
    assert preparation.choose_cuts(100, 40, []) == [40, 80]
    assert preparation.choose_cuts(100, 40, [5, 35, 39, 41, 70]) == [39, 70]
    assert preparation.choose_cuts(40, 40, [20]) == []


@needs_ffmpeg
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_broken_recordings_are_refused(
    server: Server, bob: Person, openai: SpeechEngines, tmp_path: Path
) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    concat = b"ffconcat version 1.0\nfile /etc/passwd\n"
    broken = {
        "empty": b"",
        "text": b"This is no recording. " * 100,
        "zeros": bytes(100_000),
        "head only": make_tone(1)[:20],
        "playlist": playlist,
        "concat": concat,
        "video without sound": make_video(tmp_path / "video.mp4"),
    }
    for subject, content in broken.items():
        reply = await transcribe(bob, content)
        assert reply.status == 400 and reply.json["detail"] == UNREADABLE, (subject, reply.text)
    assert openai.requests == [] and list_stored(server) == []
    # One that is cut off is transcribed as far as it goes.
    (await transcribe(bob, make_tone(2)[:20_000])).ok()
    (await transcribe(bob, make_tone(1, silences=((0, 1),)))).ok()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_is_checked_before_a_recording_is_read(
    server: Server, ada: Person, bob: Person, openai: SpeechEngines
) -> None:
    tone = make_tone()
    for name, kind in (("a.wav", "text/plain"), ("a.wav", "video/mp4"), ("a.wav", "application/octet-stream")):
        (await transcribe(bob, tone, name, kind)).refused(400, NOT_SUPPORTED)
    for name in ("a.exe", "noextension", "..", "a.wav/../x.sh"):
        (await transcribe(bob, tone, name)).refused(400, "Invalid audio file extension")
    (await transcribe(bob, bytes(3 * 1024**2 + 1))).refused(413)
    problem = (await bob.request("POST", f"{AUDIO}/transcriptions", data=aiohttp.FormData({"x": "y"}))).refused(422)
    assert problem[0]["loc"] == ["body", "file"]
    await configure(ada, SUPPORTED_CONTENT_TYPES=["audio/ogg", "video/*"], ALLOWED_EXTENSIONS=[])
    (await transcribe(bob, tone)).refused(400, NOT_SUPPORTED)
    (await transcribe(bob, tone, "a.b-c", "video/mp4")).refused(400, "Invalid audio file extension")
    assert openai.requests == [] and list_stored(server) == []
    (await transcribe(bob, tone, "noextension", "video/mp4")).ok()


async def test_who_may_have_recordings_transcribed(
    ada: Person, bob: Person, anonymous: Person, openai: SpeechEngines
) -> None:
    tone = make_tone()
    (await transcribe(anonymous, tone)).refused(401, "Not authenticated")
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["chat"]["stt"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    (await transcribe(bob, tone)).refused(403, PROHIBITED)
    assert openai.requests == []
    assert (await transcribe(ada, tone)).ok()["text"] == "Good morning."


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_language_that_the_engine_refuses_is_left_out(bob: Person, openai: SpeechEngines) -> None:
    openai.refused_languages = {"xx"}
    assert (await transcribe(bob, make_tone(), language="xx")).ok()["text"] == "Good morning."
    assert [form.get("language") for _, _, form in openai.requests] == ["xx", None]


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("refuse", "Error transcribing chunk: External: No credit left"),
        ("text", "Error transcribing chunk: External: 503, message='Service Unavailable'"),
        ("html", "Error transcribing chunk: External: the answer is not JSON"),
        ("early", "Error transcribing chunk: Open WebUI: Server Connection Error"),
        ("hang", "Error transcribing chunk: Open WebUI: Server Connection Error"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_failing_engine_is_reported(
    server: Server, bob: Person, openai: SpeechEngines, fault: str, detail: str
) -> None:
    openai.fault = fault
    (await transcribe(bob, make_tone())).refused(500, detail)
    assert list_stored(server) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_engines_get_requests_of_their_own_protocol(
    ada: Person, bob: Person, engines: SpeechEngines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without ffmpeg, recordings are sent as they are
    tone = make_tone()
    url = f"{engines.url}/openai/v1"
    await configure(ada, ENGINE="openai", OPENAI_API_BASE_URL=url, OPENAI_API_REQUEST_FORMAT="json", MODEL="m")
    assert (await transcribe(bob, tone, language="de")).ok()["text"] == "Good morning."
    encoded = base64.b64encode(tone).decode()
    sound = {"data": encoded, "format": "wav"}
    assert engines.requests[-1][2] == {"model": "m", "language": "de", "input_audio": sound}

    monkeypatch.setattr(deepgram_recognition, "LISTEN_URL", f"{engines.url}/v1/listen")
    await configure(ada, ENGINE="deepgram", DEEPGRAM_API_KEY="dg", MODEL="nova-3")
    assert (await transcribe(bob, tone, language="de")).ok()["text"] == "Good morning."
    path, headers, body = engines.requests[-1]
    assert path == "/v1/listen?smart_format=true&model=nova-3&language=de" and body == tone
    assert headers["Authorization"] == "Token dg" and headers["Content-Type"] in ("audio/x-wav", "audio/wav")

    await configure(ada, ENGINE="azure", AZURE_API_KEY="", AZURE_BASE_URL=engines.url)
    (await transcribe(bob, tone)).refused(400, "Azure API key and region are required for Azure STT")
    await configure(ada, AZURE_API_KEY="az", AZURE_LOCALES="de-DE,en-GB", AZURE_MAX_SPEAKERS="4")
    assert (await transcribe(bob, tone)).ok()["text"] == "Good morning."
    path, headers, form = engines.requests[-1]
    assert path == "/speechtotext/transcriptions:transcribe?api-version=2024-11-15"
    assert headers["Ocp-Apim-Subscription-Key"] == "az" and form["audio"][2] == tone
    diarization = {"maxSpeakers": "4", "enabled": True}
    assert json.loads(form["definition"]) == {"locales": ["de-DE", "en-GB"], "diarization": diarization}

    await configure(ada, ENGINE="mistral", MISTRAL_API_KEY="")
    (await transcribe(bob, tone)).refused(400, "Mistral API key is required for Mistral STT")
    mistral = {"MISTRAL_API_KEY": "mi", "MISTRAL_API_BASE_URL": f"{engines.url}/mistral", "MODEL": ""}
    await configure(ada, **mistral)
    assert (await transcribe(bob, tone, language="fr")).ok()["text"] == "Good morning."
    path, headers, form = engines.requests[-1]
    assert path == "/mistral/audio/transcriptions" and headers["Authorization"] == "Bearer mi"
    assert form.pop("file")[2] == tone and form == {"model": "voxtral-mini-latest", "language": "fr"}
    await configure(ada, MISTRAL_USE_CHAT_COMPLETIONS=True)
    assert (await transcribe(bob, tone, language="fr")).ok()["text"] == "Good morning."
    path, _, body = engines.requests[-1]
    hearing, instruction = body["messages"][0]["content"]
    assert path == "/mistral/chat/completions" and "fr" in instruction["text"]
    assert hearing == {"type": "input_audio", "input_audio": sound}

    engines.transcript = " "
    (await transcribe(bob, tone)).refused(500, "Failed to parse Mistral response: Empty transcript in response")
    engines.fault = "refuse"
    (await transcribe(bob, tone)).refused(402, "External: No credit left")
    await configure(ada, ENGINE="azure")
    (await transcribe(bob, tone)).refused(402, "External: No credit left")
    await configure(ada, ENGINE="deepgram")
    (await transcribe(bob, tone)).refused(500, "Error transcribing chunk: External: No credit left")
    await configure(ada, ENGINE="web")
    (await transcribe(bob, tone)).refused(400, "Transcription failed.")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_large_recording_without_ffmpeg_is_refused(
    bob: Person, openai: SpeechEngines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(preparation, "MAX_PART_BYTES", 1000)
    detail = (await transcribe(bob, make_tone())).refused(400)
    assert "ffmpeg" in detail and openai.requests == []
