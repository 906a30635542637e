"""Speech on this machine: the worker process, and what is missing."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from conftest import Person
from fastback.media.speech.local_voice import MISSING

SPEECH = "/api/v1/audio/speech"
PACKAGES = ("datasets", "soundfile", "torch", "transformers")

#: Libraries with the functions that the worker calls: the sound is a second of silence, a text `broken` fails.
LIBRARIES = {
    "torch": "class tensor(list):\n    def unsqueeze(self, dimension):\n        return [list(self)]\n",
    "datasets": (
        "class Voices:\n"
        "    def __getitem__(self, key):\n"
        "        return ['a', 'b'] if key == 'filename' else {'xvector': [float(key)]}\n"
        "def load_dataset(name, split):\n"
        "    return Voices()\n"
    ),
    "transformers": (
        "def pipeline(task, model):\n"
        "    def speak(text, forward_params):\n"
        "        if text == 'broken':\n"
        "            raise RuntimeError('no')\n"
        "        return {'audio': forward_params['speaker_embeddings'][0], 'sampling_rate': 16000}\n"
        "    return speak\n"
    ),
    "soundfile": (
        "import wave\n"
        "def write(path, audio, samplerate):\n"
        "    with wave.open(path, 'wb') as file:\n"
        "        file.setparams((1, 2, samplerate, 0, 'NONE', ''))\n"
        "        file.writeframes(int(audio[0]).to_bytes(2, 'little') * samplerate)\n"
    ),
}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the libraries for this process and for its workers."""
    directory = tmp_path / "library"
    directory.mkdir()
    for name, text in LIBRARIES.items():
        (directory / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(directory), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if "library" in request.fixturenames:
        request.getfixturevalue("library")  # before the server starts, whose workers inherit the path
    return {"AUDIO_TTS_ENGINE": "transformers", "AUDIO_TTS_MODEL": "b", "BYPASS_PYDUB_PREPROCESSING": "true"}


@pytest.mark.skipif(all(importlib.util.find_spec(name) for name in PACKAGES), reason="the packages are installed")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_the_libraries_users_read_what_is_missing(bob: Person) -> None:
    (await bob.post(SPEECH, {"input": "Good morning."})).refused(503, MISSING)
    (await bob.post(SPEECH, {"input": ""})).refused(400)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_texts_are_spoken_in_a_process(library: None, bob: Person) -> None:
    sound = (await bob.post(SPEECH, {"input": "Good morning."})).body
    assert sound[:4] == b"RIFF" and sound[44:] == b"\x01\x00" * 16_000, "the voice of the settings"
    assert "transformers" not in sys.modules
    (await bob.post(SPEECH, {"input": "broken"})).refused(500, "External: the speech process failed")
    assert (await bob.post(SPEECH, {"input": "Good morning."})).body == sound
