"""Transcription by Mistral: as a transcription, or as a question to a model that hears (chat completions)."""

from __future__ import annotations

import asyncio
import mimetypes
from typing import Any

from fastback import messages
from fastback.config.keys import audio as audio_keys
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.media.speech.engine_requests import EngineFailure, build_base64_body, open_form
from fastback.media.speech.mistral_speech import BASE_URL
from fastback.media.speech.recognition import (
    Recording,
    Transcript,
    describe_answer,
    describe_part_failure,
    find_error_message,
    require_transcript,
)
from fastback.media.speech.speech_engine import EngineContext

_MODEL = "voxtral-mini-latest"
_MAX_MEGABYTES = 20


async def transcribe_by_mistral(recording: Recording, context: EngineContext) -> Transcript:
    """Return the transcript.

    Raises:
        BadRequest: no key is configured, or the recording is too large.
        HttpError: the engine failed.
    """
    config = context.config
    if (await asyncio.to_thread(recording.path.stat)).st_size > _MAX_MEGABYTES * 1024 * 1024:
        raise BadRequest(f"File size exceeds limit of {_MAX_MEGABYTES}MB")
    key = config.get_text(audio_keys.AUDIO_STT_MISTRAL_API_KEY)
    if not key:
        raise BadRequest("Mistral API key is required for Mistral STT")
    base = config.get_text(audio_keys.AUDIO_STT_MISTRAL_API_BASE_URL) or BASE_URL
    model = config.get_text(audio_keys.AUDIO_STT_MODEL) or _MODEL
    headers = {"Authorization": f"Bearer {key}"}
    try:
        if config.get_bool(audio_keys.AUDIO_STT_MISTRAL_USE_CHAT_COMPLETIONS):
            content = await _ask_model(recording, base, model, headers, context)
            return require_transcript(_find_answer(content), "Mistral")
        content = await _send_form(recording, base, model, headers, context)
    except EngineFailure as failure:
        raise _describe_failure(failure) from failure
    return require_transcript(content.get("text") if isinstance(content, dict) else None, "Mistral")


async def _ask_model(
    recording: Recording, base: str, model: str, headers: dict[str, str], context: EngineContext
) -> Any:
    sound_type = mimetypes.guess_type(recording.name)[0] or ""
    extension = mimetypes.guess_extension(sound_type) or recording.path.suffix
    if recording.language:
        instruction = f"Write down word for word what is said, in the language {recording.language}, untranslated."
    else:
        instruction = "Write down word for word what is said, in the language in which it is said, untranslated."

    def build_content(data: str) -> dict[str, Any]:
        sound = {"data": data, "format": extension.lstrip(".")}
        parts = [{"type": "input_audio", "input_audio": sound}, {"type": "text", "text": instruction}]
        return {"model": model, "messages": [{"role": "user", "content": parts}]}

    body, body_headers = await build_base64_body(recording.path, build_content)
    return await context.client.fetch_json(f"{base}/chat/completions", data=body, headers=headers | body_headers)


def _find_answer(content: Any) -> Any:
    try:
        return content["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None


async def _send_form(
    recording: Recording, base: str, model: str, headers: dict[str, str], context: EngineContext
) -> Any:
    values = {"model": model, **({"language": recording.language} if recording.language else {})}
    content_type = mimetypes.guess_type(recording.name)[0] or "audio/webm"
    async with open_form(recording.path, "file", recording.name, values, content_type=content_type) as form:
        return await context.client.fetch_json(f"{base}/audio/transcriptions", data=form, headers=headers)


def _describe_failure(failure: EngineFailure) -> HttpError:
    if failure.status >= 400:
        message = find_error_message(failure)
        text = failure.body.decode("utf-8", "replace").strip()[:1000]
        return HttpError(failure.status, f"External: {message or text or failure}")
    if failure.status:
        return describe_answer("Mistral", str(failure))
    return describe_part_failure(messages.SERVER_CONNECTION_ERROR)
