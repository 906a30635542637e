"""ElevenLabs' speech (`POST /v1/text-to-speech/{voice_id}`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from fastback.config.keys import audio as audio_keys
from fastback.kit.http.errors import BadRequest
from fastback.media.speech.speech_engine import EngineContext, Sound, SpeechRequest, open_sound, require_text
from fastback.media.speech.voice_catalog import SpeechCatalog

_VOICE_SETTINGS = {"stability": 0.5, "similarity_boost": 0.5}


class ElevenLabsEngine:
    """Speak with the voices that the account has."""

    def __init__(self, catalog: SpeechCatalog) -> None:
        self._catalog = catalog

    @asynccontextmanager
    async def open_sound(self, request: SpeechRequest, context: EngineContext) -> AsyncIterator[Sound]:
        """Yield the sound of a text.

        Raises:
            BadRequest: the account does not have the voice.
        """
        voice = request.payload.get("voice")
        voice_id = voice.strip() if isinstance(voice, str) else ""
        if not voice_id or not await self._catalog.has_elevenlabs_voice(voice_id):
            raise BadRequest("Invalid voice id")
        body = {
            "text": require_text(request.payload),
            "model_id": context.config.get(audio_keys.AUDIO_TTS_MODEL),
            "voice_settings": _VOICE_SETTINGS,
        }
        headers = {"Accept": "audio/mpeg", "xi-api-key": context.config.get_text(audio_keys.AUDIO_TTS_API_KEY)}
        url = f"{context.settings.elevenlabs_api_base_url}/v1/text-to-speech/{quote(voice_id, safe='')}"
        async with open_sound(context, url, request.payload, json=body, headers=headers) as sound:
            yield sound
