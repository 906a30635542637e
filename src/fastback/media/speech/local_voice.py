"""Speech on this machine by transformers, in a worker process that ends when it is idle."""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastback.config.keys.audio import AUDIO_TTS_MODEL
from fastback.kit.http.errors import HttpError, ServiceUnavailable
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.media.speech.model_fetching import build_fetch_environment
from fastback.media.speech.speech_engine import EngineContext, Sound, SpeechRequest, require_text

NAME = "transformers"
MISSING = (
    "Configure an external text-to-speech engine, or install transformers for speech on this server: "
    "pip install 'fastback[voice]'"
)

_LIMITS = Limits(processes=1, seconds=600, idle=120, jobs=100_000, niceness=10)
_PACKAGES = ("datasets", "soundfile", "torch", "transformers")
_CHUNK_BYTES = 64 * 1024


class LocalVoice:
    """Speak on this machine."""

    def __init__(self, *, offline: bool, limits: Limits = _LIMITS) -> None:
        environment = build_fetch_environment(offline=offline)
        self.workers = WorkerPool(
            "fastback.media.speech.local_voice_worker", limits, name="voice", environment=environment
        )

    @asynccontextmanager
    async def open_sound(self, request: SpeechRequest, context: EngineContext) -> AsyncIterator[Sound]:
        """Yield the sound of a text.

        Raises:
            ServiceUnavailable: the packages or the model are missing.
            HttpError: the process failed.
        """
        text = require_text(request.payload)
        if any(importlib.util.find_spec(package) is None for package in _PACKAGES):
            raise ServiceUnavailable(MISSING)
        directory = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="fastback-voice-")
        try:
            path = Path(directory.name) / "speech.wav"
            job = {"text": text, "voice": context.config.get_text(AUDIO_TTS_MODEL), "path": str(path)}
            try:
                await self.workers.run_job(job)
            except JobFailed as error:
                raise ServiceUnavailable(str(error)) from error
            except WorkerDied as error:
                raise HttpError(500, "External: the speech process failed") from error
            yield Sound(_iterate_file(path), "audio/wav", request.payload, converts=True)
        finally:
            await asyncio.shield(asyncio.to_thread(directory.cleanup))

    async def close(self) -> None:
        """End the process."""
        await self.workers.close()


async def _iterate_file(path: Path) -> AsyncGenerator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
