"""Transcription by Azure's fast transcription (`POST /speechtotext/transcriptions:transcribe`)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from fastback import messages
from fastback.config.keys import audio as audio_keys
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.media.speech.engine_requests import EngineFailure, open_form
from fastback.media.speech.recognition import (
    Recording,
    Transcript,
    describe_answer,
    describe_part_failure,
    find_error_message,
    require_transcript,
)
from fastback.media.speech.speech_engine import EngineContext

log = logging.getLogger("fastback.speech")

_MAX_MEGABYTES = 200
_DEFAULT_REGION, _DEFAULT_SPEAKERS = "eastus", 3
_PATH = "/speechtotext/transcriptions:transcribe?api-version=2024-11-15"
#: The languages among which the engine chooses, if the settings name none.
_LOCALES = (
    *("en-US", "es-ES", "es-MX", "fr-FR", "hi-IN", "it-IT", "de-DE", "en-GB", "en-IN", "ja-JP", "ko-KR", "pt-BR"),
    "zh-CN",
)
#: Errors whose message is about the recording.
_RECORDING_ERRORS = frozenset(
    {"EmptyAudioFile", "AudioLengthLimitExceeded", "NoLanguageIdentified", "MultipleLanguagesIdentified"}
)


async def transcribe_by_azure(recording: Recording, context: EngineContext) -> Transcript:
    """Return the transcript.

    Raises:
        BadRequest: no key is configured, or the recording is too large.
        HttpError: the engine failed.
    """
    config = context.config
    size = (await asyncio.to_thread(recording.path.stat)).st_size
    if size > _MAX_MEGABYTES * 1024 * 1024:
        raise BadRequest(f"File size ({size // (1024 * 1024)}MB) exceeds Azure limit of {_MAX_MEGABYTES}MB")
    key = config.get_text(audio_keys.AUDIO_STT_AZURE_API_KEY)
    if not key:
        raise BadRequest("Azure API key and region are required for Azure STT")
    region = config.get_text(audio_keys.AUDIO_STT_AZURE_REGION) or _DEFAULT_REGION
    base = config.get_text(audio_keys.AUDIO_STT_AZURE_BASE_URL) or f"https://{region}.api.cognitive.microsoft.com"
    locales = config.get_text(audio_keys.AUDIO_STT_AZURE_LOCALES)
    definition = {
        "locales": locales.split(",") if len(locales) >= 2 else list(_LOCALES),
        "diarization": {
            "maxSpeakers": config.get(audio_keys.AUDIO_STT_AZURE_MAX_SPEAKERS) or _DEFAULT_SPEAKERS,
            "enabled": True,
        },
    }
    values = {"definition": msgspec.json.encode(definition).decode()}
    try:
        async with open_form(recording.path, "audio", recording.name, values) as form:
            headers = {"Ocp-Apim-Subscription-Key": key}
            content = await context.client.fetch_json(f"{base}{_PATH}", data=form, headers=headers)
    except EngineFailure as failure:
        raise _describe_failure(failure) from failure
    return _read_transcript(content)


def _read_transcript(content: Any) -> Transcript:
    phrases = content.get("combinedPhrases") if isinstance(content, dict) else None
    if not isinstance(phrases, list) or not phrases or not isinstance(phrases[0], dict):
        raise describe_answer("Azure", "No transcription found in response")
    return require_transcript(phrases[0].get("text"), "Azure")


def _describe_failure(failure: EngineFailure) -> HttpError:
    if failure.status < 400:
        if failure.status:
            return describe_answer("Azure", str(failure))
        return describe_part_failure(messages.SERVER_CONNECTION_ERROR)
    content = failure.read_json() or {}
    if "code" in content and "message" in content:
        inner = content.get("innerError")
        code = inner.get("code", content["code"]) if isinstance(inner, dict) else content["code"]
        if code in _RECORDING_ERRORS:
            return HttpError(failure.status, content["message"])
        log.warning("transcribing by azure failed: %s: %s", code, content["message"])
        return HttpError(failure.status, "An error occurred during transcription.")
    message = find_error_message(failure)
    return HttpError(failure.status, f"External: {message}" if message else messages.SERVER_CONNECTION_ERROR)
