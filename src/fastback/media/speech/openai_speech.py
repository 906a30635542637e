"""OpenAI's speech, and that of servers with its protocol (`POST /audio/speech`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastback.config.keys import audio as audio_keys
from fastback.media.speech.speech_engine import EngineContext, Sound, SpeechRequest, open_sound


@asynccontextmanager
async def open_openai_sound(request: SpeechRequest, context: EngineContext) -> AsyncIterator[Sound]:
    """Yield the sound of a text; the parameters of the settings replace those of the request."""
    config = context.config
    payload = {**request.payload, "model": config.get(audio_keys.AUDIO_TTS_MODEL)}
    if not payload.get("voice"):
        payload["voice"] = config.get(audio_keys.AUDIO_TTS_VOICE)
    payload |= config.get_object(audio_keys.AUDIO_TTS_OPENAI_PARAMS)
    headers = {
        "Authorization": f"Bearer {config.get_text(audio_keys.AUDIO_TTS_OPENAI_API_KEY)}",
        **context.client.build_user_headers(request.user),
    }
    url = f"{config.get_text(audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL)}/audio/speech"
    async with open_sound(context, url, payload, json=payload, headers=headers) as sound:
        sound.converts = True
        yield sound
