"""Transcription by OpenAI, and by servers with its protocol (`POST /audio/transcriptions`)."""

from __future__ import annotations

from typing import Any

from fastback.config.keys import audio as audio_keys
from fastback.media.speech.engine_requests import EngineFailure, build_base64_body, open_form
from fastback.media.speech.recognition import (
    Recording,
    Transcript,
    describe_external,
    describe_part_failure,
    send_recording,
)
from fastback.media.speech.speech_engine import EngineContext

JSON_FORMAT = "json"


async def transcribe_by_openai(recording: Recording, context: EngineContext) -> Transcript:
    """Return the engine's response; a language that it refuses is left out.

    Raises:
        HttpError: 500 if the engine failed.
    """
    try:
        content = await send_recording(_send, recording, context)
    except EngineFailure as failure:
        raise describe_part_failure(describe_external(failure)) from None
    return content if isinstance(content, dict) else {}


async def _send(recording: Recording, language: str | None, context: EngineContext) -> Any:
    config = context.config
    url = f"{config.get_text(audio_keys.AUDIO_STT_OPENAI_API_BASE_URL)}/audio/transcriptions"
    headers = {
        "Authorization": f"Bearer {config.get_text(audio_keys.AUDIO_STT_OPENAI_API_KEY)}",
        **context.client.build_user_headers(recording.user),
    }
    values = {"model": config.get_text(audio_keys.AUDIO_STT_MODEL), **({"language": language} if language else {})}
    if config.get_text(audio_keys.AUDIO_STT_OPENAI_API_REQUEST_FORMAT).lower() == JSON_FORMAT:
        extension = recording.path.suffix.lower().lstrip(".") or "wav"
        sound_format = "ogg" if extension == "oga" else extension
        body, body_headers = await build_base64_body(
            recording.path, lambda data: {**values, "input_audio": {"data": data, "format": sound_format}}
        )
        return await context.client.fetch_json(url, data=body, headers=headers | body_headers)
    async with open_form(recording.path, "file", recording.name, values) as form:
        return await context.client.fetch_json(url, data=form, headers=headers)
