"""Transcription on this machine: the worker process, its limits, and what is missing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conftest import Person
from fastback.kit.workers.pool import Limits
from fastback.media.speech.recognition import Recording
from fastback.media.speech.whisper import MISSING, WhisperEngine
from fastback.settings import Environment, load_settings
from recordings import make_tone, needs_voice, speak

TRANSCRIPTIONS = "/api/v1/audio/transcriptions"
#: A directory with a model for faster-whisper; tests that need one are skipped without it.
MODEL = os.environ.get("FASTBACK_TEST_WHISPER", "")

#: A library with the names and arguments of faster-whisper 1.2, which hears what it is told to do.
LIBRARY = """
import os, time
from collections import namedtuple

Segment, Info = namedtuple("Segment", "text"), namedtuple("Info", "language language_probability")

class WhisperModel:
    def __init__(self, model_size_or_path, device="auto", compute_type="default", download_root=None,
                 local_files_only=False):
        if model_size_or_path == "missing" or (model_size_or_path == "remote" and local_files_only):
            raise RuntimeError("no such model")
        self.name = f"{os.path.basename(model_size_or_path)} {device} {compute_type}"

    def transcribe(self, audio, beam_size=5, vad_filter=False, language=None, multilingual=False):
        content = open(audio, "rb").read()
        if not content.startswith(b"RIFF"):
            raise OSError(f"Invalid data found when processing input: {audio}")
        if language == "xx":
            raise ValueError("'xx' is not a valid language code")
        if language == "zz":
            os._exit(3)
        return iter([Segment(f" {self.name}"), Segment(f" {language} {vad_filter}")]), Info("en", 1.0)
"""


async def transcribe(person: Person, content: bytes, **fields: str) -> Any:
    form = aiohttp.FormData()
    for field, value in fields.items():
        form.add_field(field, value)
    form.add_field("file", content, filename="talk.wav", content_type="audio/wav")
    return await person.request("POST", TRANSCRIPTIONS, data=form)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the library for this process and for its workers."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "faster_whisper.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "library"), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if "library" in request.fixturenames:
        request.getfixturevalue("library")  # before the server starts, whose workers inherit the path
    return {"WHISPER_VAD_FILTER": "true", "OFFLINE_MODE": "true"}


@pytest.mark.skipif(importlib.util.find_spec("faster_whisper") is not None, reason="faster-whisper is installed")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_the_library_users_read_what_is_missing(bob: Person) -> None:
    (await transcribe(bob, make_tone())).refused(503, MISSING)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_recordings_are_transcribed_in_a_process(ada: Person, bob: Person, library: None) -> None:
    assert (await transcribe(bob, make_tone(), language="de")).ok()["text"] == "base cpu int8 de True"
    assert (await transcribe(bob, make_tone())).ok()["text"] == "base cpu int8 None True"
    assert "faster_whisper" not in sys.modules
    (await transcribe(bob, b"no sound")).refused(400, "The recording cannot be transcribed.")
    detail = "The recording cannot be transcribed: 'xx' is not a valid language code"
    (await transcribe(bob, make_tone(), language="xx")).refused(400, detail)
    detail = "Error transcribing chunk: the transcription process failed"
    (await transcribe(bob, make_tone(), language="zz")).refused(500, detail)
    page = (await ada.get("/api/v1/audio/config")).ok()
    stt = page["stt"] | {"WHISPER_MODEL": "remote"}
    (await ada.post("/api/v1/audio/config/update", page | {"stt": stt})).ok()
    detail = "The Whisper model remote is not on this machine, and OFFLINE_MODE forbids to fetch it."
    (await transcribe(bob, make_tone())).refused(503, detail)


async def test_the_process_ends_when_it_is_idle(library: None, tmp_path: Path) -> None:
    class Settled:
        def get_text(self, key: Any) -> str:
            return "remote"

    settings = load_settings(Environment({"DATA_DIR": str(tmp_path), "WEBUI_SECRET_KEY": "k" * 40}))
    engine = WhisperEngine(settings, limits=Limits(processes=1, seconds=30, idle=0.2))
    path = tmp_path / "talk.wav"
    path.write_bytes(make_tone())
    context: Any = type("Context", (), {"config": Settled(), "settings": settings})
    transcript = await engine.transcribe(Recording(path, None, None), context)
    assert transcript == {"text": "remote cpu int8 None False"}, "a model that is missing here is fetched"
    for _ in range(200):
        if not engine.workers.process_ids:
            break
        await asyncio.sleep(0.05)
    assert engine.workers.process_ids == []
    await engine.close()


@needs_voice
@pytest.mark.skipif(not MODEL or importlib.util.find_spec("faster_whisper") is None, reason="there is no Whisper model")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_speech_is_heard(ada: Person, bob: Person) -> None:
    page = (await ada.get("/api/v1/audio/config")).ok()
    (await ada.post("/api/v1/audio/config/update", page | {"stt": page["stt"] | {"WHISPER_MODEL": MODEL}})).ok()
    text = (await transcribe(bob, speak("Good morning. The weather is beautiful today."))).ok()["text"]
    assert "good morning" in text.lower() and "weather" in text.lower()
