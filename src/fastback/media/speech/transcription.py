"""Recordings to text: prepared, divided, and transcribed by the configured engine."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fastback.access.identity import User
from fastback.config.keys.audio import AUDIO_STT_ENGINE
from fastback.kit.http.errors import BadRequest
from fastback.media.speech.recognition import RecognitionEngine, Recording, Transcript
from fastback.media.speech.recordings import prepare_recording
from fastback.media.speech.sound_tools import SoundTools
from fastback.media.speech.speech_engine import EngineContext

log = logging.getLogger("fastback.speech")

#: The engine on this machine, which reads every format itself.
LOCAL_ENGINE = ""
#: Parts of one recording that an engine gets at the same time.
_PARALLEL_PARTS = 4
FAILED = "Transcription failed."


class Transcription:
    """Transcribes recordings."""

    def __init__(self, *, context: EngineContext, tools: SoundTools, engines: Mapping[str, RecognitionEngine]) -> None:
        self._context = context
        self._tools = tools
        self._engines = engines

    async def transcribe(self, path: Path, *, language: str | None = None, user: User | None = None) -> str:
        """Return the text of a recording; the file stays as it is. The setting `WHISPER_LANGUAGE` replaces `language`.

        Raises:
            BadRequest: it cannot be read, or the engine is unknown.
            HttpError: the engine failed; the text is for the user.
        """
        name = self._context.config.get_text(AUDIO_STT_ENGINE)
        engine = self._engines.get(name)
        if engine is None:
            log.warning("transcription failed: the engine %r is unknown", name)
            raise BadRequest(FAILED)
        language = self._context.settings.whisper_language.lower() or language or None
        if name == LOCAL_ENGINE or self._context.settings.bypass_pydub_preprocessing:
            transcripts = [await engine(Recording(path, language, user), self._context)]
        else:
            transcripts = await self._transcribe_parts(path, language, user, engine)
        texts = [transcript.get("text") for transcript in transcripts]
        if not all(isinstance(text, str) for text in texts):
            raise BadRequest(FAILED)
        return " ".join(str(text) for text in texts)

    async def _transcribe_parts(
        self, path: Path, language: str | None, user: User | None, engine: RecognitionEngine
    ) -> list[Transcript]:
        directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="fastback-recording-")
        try:
            parts = await prepare_recording(path, Path(directory), self._tools)
            slots = asyncio.Semaphore(_PARALLEL_PARTS)

            async def transcribe_part(part: Path) -> Transcript:
                async with slots:
                    return await engine(Recording(part, language, user), self._context)

            tasks = [asyncio.ensure_future(transcribe_part(part)) for part in parts]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await asyncio.shield(asyncio.to_thread(_remove_directory, Path(directory)))


def _remove_directory(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
