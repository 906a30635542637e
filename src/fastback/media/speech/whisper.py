"""Transcription on this machine by faster-whisper, in a worker process that ends when it is idle."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

from fastback.config.keys.audio import AUDIO_STT_WHISPER_MODEL
from fastback.kit.http.errors import BadRequest, HttpError, ServiceUnavailable
from fastback.kit.workers.errors import JobErrored, JobFailed, JobTimeout, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool
from fastback.media.speech.model_fetching import build_fetch_environment
from fastback.media.speech.recognition import Recording, Transcript, describe_part_failure
from fastback.media.speech.speech_engine import EngineContext
from fastback.settings import Settings

#: One process for a dictation, and one for a long recording, so that neither waits for the other.
_LIMITS = Limits(processes=2, seconds=3600, idle=120, jobs=100_000, niceness=10)
#: Bytes from which a recording counts as long: some minutes of speech.
_LONG_BYTES = 2 * 1024 * 1024

MISSING = (
    "Configure an external speech-to-text engine, or install faster-whisper for transcription on this server: "
    "pip install 'fastback[whisper]'"
)


class WhisperEngine:
    """Transcribe recordings on this machine."""

    def __init__(self, settings: Settings, *, limits: Limits = _LIMITS) -> None:
        self._settings = settings
        environment = build_fetch_environment(offline=settings.offline_mode)
        self.workers = WorkerPool(
            "fastback.media.speech.whisper_worker", limits, name="whisper", environment=environment
        )
        self._long_recordings = asyncio.Semaphore(1)

    async def transcribe(self, recording: Recording, context: EngineContext) -> Transcript:
        """Return the transcript.

        Raises:
            ServiceUnavailable: faster-whisper is not installed.
            BadRequest: the recording cannot be read.
            HttpError: the model cannot be loaded, or the recording takes too long.
        """
        if importlib.util.find_spec("faster_whisper") is None:
            raise ServiceUnavailable(MISSING)
        size = (await asyncio.to_thread(recording.path.stat)).st_size
        if size <= _LONG_BYTES:
            return await self._run(recording, context)
        async with self._long_recordings:
            return await self._run(recording, context)

    async def _run(self, recording: Recording, context: EngineContext) -> Transcript:
        settings = self._settings
        directory = settings.whisper_model_dir or str(settings.cache_path / "whisper" / "models")
        job = {
            "path": str(recording.path),
            "language": recording.language,
            "model": context.config.get_text(AUDIO_STT_WHISPER_MODEL) or "base",
            "device": "cuda" if settings.use_cuda_docker else "cpu",
            "compute_type": settings.whisper_compute_type,
            "directory": str(Path(directory).expanduser()),
            "update": settings.whisper_model_auto_update and not settings.offline_mode,
            "offline": settings.offline_mode,
            "vad_filter": settings.whisper_vad_filter,
            "multilingual": settings.whisper_multilingual,
        }
        try:
            return {"text": await self.workers.run_job(job)}
        except JobFailed as error:
            text = str(error)
            raise BadRequest(text) if text.startswith("The recording") else ServiceUnavailable(text) from error
        except JobTimeout as error:
            raise HttpError(504, f"Error transcribing chunk: {error}") from error
        except (JobErrored, WorkerDied) as error:
            raise describe_part_failure("the transcription process failed") from error

    async def close(self) -> None:
        """End the processes."""
        await self.workers.close()
