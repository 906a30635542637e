"""Uploaded recordings: their transcript is their text, which chats and knowledge search."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conftest import Person
from knowledge_samples import embedding_settings
from recordings import convert, make_tone, needs_ffmpeg
from speech_engines import SpeechEngines, run_speech_engines

FILES = "/api/v1/files/"
EMPTY = "The content provided is empty. Please ensure that there is text or data present before proceeding."


@pytest.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    async with run_speech_engines() as running:
        yield running


@pytest.fixture
def environment(upstream: str, engines: SpeechEngines) -> dict[str, str]:
    return {
        **embedding_settings(upstream),
        "AUDIO_STT_ENGINE": "openai",
        "AUDIO_STT_OPENAI_API_BASE_URL": f"{engines.url}/openai/v1",
        "AUDIO_STT_OPENAI_API_KEY": "key",
    }


async def upload(person: Person, content: bytes, name: str, kind: str, **metadata: Any) -> Any:
    form = aiohttp.FormData()
    form.add_field("metadata", json.dumps(metadata))
    form.add_field("file", content, filename=name, content_type=kind)
    file = (await person.request("POST", FILES, data=form, process_in_background=False)).ok()
    return (await person.get(f"{FILES}{file['id']}")).ok()


@needs_ffmpeg
async def test_the_transcript_of_a_recording_is_its_text(bob: Person, engines: SpeechEngines, tmp_path: Path) -> None:
    engines.transcript = "The heron stands on one leg."
    tone = make_tone(1.0)
    video = convert(tone, tmp_path / "tone.webm")
    for content, name, kind in ((tone, "talk.wav", "audio/wav"), (video, "talk.webm", "video/webm")):
        file = await upload(bob, content, name, kind, language="en")
        assert file["data"] == {"status": "completed", "error": None, "content": engines.transcript}
        assert file["hash"] and engines.requests[-1][2]["language"] == "en"
    query = {"collection_names": [f"file-{file['id']}"], "query": "heron", "k": 1}
    assert "heron" in (await bob.post("/api/v1/retrieval/query/collection", query)).text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_recording_that_cannot_be_transcribed_says_why(
    ada: Person, bob: Person, engines: SpeechEngines
) -> None:
    async def read_error() -> str:
        file = await upload(bob, make_tone(), "talk.wav", "audio/wav")
        assert file["data"]["status"] == "failed"
        return str(file["data"]["error"])

    engines.fault = "refuse"
    assert await read_error() == "Error transcribing chunk: External: No credit left"
    engines.fault, engines.transcript = "", " "
    assert await read_error() == EMPTY
    # Other videos are stored as they are.
    file = await upload(bob, b"\x00\x00\x00\x18ftypmp42", "film.mp4", "video/mp4")
    assert file["data"]["status"] == "completed"
