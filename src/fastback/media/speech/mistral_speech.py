"""Mistral's speech (`POST /audio/speech`), whose response is JSON with the sound in base64."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from fastback.config.keys import audio as audio_keys
from fastback.kit.http.errors import BadRequest
from fastback.media.speech.engine_requests import EngineFailure
from fastback.media.speech.speech_engine import EngineContext, Sound, SpeechRequest
from fastback.providers.response_body import MAX_ANSWER_BYTES

BASE_URL = "https://api.mistral.ai/v1"
_MODEL = "voxtral-mini-tts-2603"
_CHUNK_BYTES = 64 * 1024


@asynccontextmanager
async def open_mistral_sound(request: SpeechRequest, context: EngineContext) -> AsyncIterator[Sound]:
    """Yield the sound of a text.

    Raises:
        BadRequest: no key is configured.
    """
    config = context.config
    key = config.get_text(audio_keys.AUDIO_TTS_MISTRAL_API_KEY)
    if not key:
        raise BadRequest("Mistral API key is required for Mistral TTS")
    body = {
        "input": request.payload.get("input", ""),
        "model": config.get_text(audio_keys.AUDIO_TTS_MODEL) or _MODEL,
        "voice_id": request.payload.get("voice", ""),
        "response_format": "mp3",
    }
    url = f"{config.get_text(audio_keys.AUDIO_TTS_MISTRAL_API_BASE_URL) or BASE_URL}/audio/speech"
    headers = {"Authorization": f"Bearer {key}"}
    content = await context.client.fetch_json(url, json=body, headers=headers, max_bytes=MAX_ANSWER_BYTES)
    encoded = content.get("audio_data") if isinstance(content, dict) else None
    if not isinstance(encoded, str) or not encoded:
        raise EngineFailure("the answer has no audio_data", status=200)
    try:
        sound = await asyncio.to_thread(base64.b64decode, encoded)
    except (binascii.Error, ValueError):
        raise EngineFailure("the answer has invalid audio_data", status=200) from None
    yield Sound(_iterate_slices(sound), "audio/mpeg", request.payload)


async def _iterate_slices(content: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), _CHUNK_BYTES):
        yield content[start : start + _CHUNK_BYTES]
