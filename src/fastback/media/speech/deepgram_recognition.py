"""Transcription by Deepgram (`POST /v1/listen`)."""

from __future__ import annotations

import asyncio
import mimetypes
from typing import Any

from fastback import messages
from fastback.config.keys import audio as audio_keys
from fastback.media.speech.engine_requests import EngineFailure
from fastback.media.speech.recognition import (
    Recording,
    Transcript,
    describe_part_failure,
    find_error_message,
    send_recording,
)
from fastback.media.speech.speech_engine import EngineContext

LISTEN_URL = "https://api.deepgram.com/v1/listen"


async def transcribe_by_deepgram(recording: Recording, context: EngineContext) -> Transcript:
    """Return the transcript; a language that the engine refuses is left out.

    Raises:
        HttpError: 500 if the engine failed.
    """
    try:
        content = await send_recording(_send, recording, context)
    except EngineFailure as failure:
        raise describe_part_failure(_describe_failure(failure)) from None
    return _read_transcript(content)


async def _send(recording: Recording, language: str | None, context: EngineContext) -> Any:
    config = context.config
    query = {"smart_format": "true"}
    if model := config.get_text(audio_keys.AUDIO_STT_MODEL):
        query["model"] = model
    if language:
        query["language"] = language
    headers = {
        "Authorization": f"Token {config.get_text(audio_keys.AUDIO_STT_DEEPGRAM_API_KEY)}",
        "Content-Type": mimetypes.guess_type(recording.name)[0] or "audio/wav",
    }
    file = await asyncio.to_thread(recording.path.open, "rb")
    try:
        return await context.client.fetch_json(LISTEN_URL, params=query, data=file, headers=headers)
    finally:
        await asyncio.to_thread(file.close)


def _read_transcript(content: Any) -> Transcript:
    try:
        transcript = content["results"]["channels"][0]["alternatives"][0].get("transcript", "")
        return {"text": transcript.strip()}
    except (KeyError, IndexError, TypeError, AttributeError):
        raise describe_part_failure("External: Failed to parse Deepgram response") from None


def _describe_failure(failure: EngineFailure) -> str:
    if not failure.status:
        return messages.SERVER_CONNECTION_ERROR
    message = find_error_message(failure) or (failure.read_json() or {}).get("err_msg")
    return f"External: {message or failure}"
