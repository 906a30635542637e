"""Azure's speech (`POST /cognitiveservices/v1`)."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastback.config.keys import audio as audio_keys
from fastback.media.speech.speech_engine import EngineContext, Sound, SpeechRequest, open_sound, require_text

_DEFAULT_REGION = "eastus"


@asynccontextmanager
async def open_azure_sound(request: SpeechRequest, context: EngineContext) -> AsyncIterator[Sound]:
    """Yield the sound of a text; the language is the first two parts of the voice's name (`de-DE-KatjaNeural`)."""
    config = context.config
    region = config.get_text(audio_keys.AUDIO_TTS_AZURE_SPEECH_REGION) or _DEFAULT_REGION
    base = config.get_text(audio_keys.AUDIO_TTS_AZURE_SPEECH_BASE_URL) or f"https://{region}.tts.speech.microsoft.com"
    voice = str(request.payload.get("voice") or config.get_text(audio_keys.AUDIO_TTS_VOICE))
    headers = {
        "Ocp-Apim-Subscription-Key": config.get_text(audio_keys.AUDIO_TTS_API_KEY),
        "Content-Type": "application/ssml+xml",
        "X-Microsoft-OutputFormat": config.get_text(audio_keys.AUDIO_TTS_AZURE_SPEECH_OUTPUT_FORMAT),
    }
    document = build_ssml(require_text(request.payload), voice)
    url = f"{base}/cognitiveservices/v1"
    async with open_sound(context, url, request.payload, data=document.encode(), headers=headers) as sound:
        yield sound


def build_ssml(text: str, voice: str) -> str:
    """Return the SSML document of a text."""
    locale = "-".join(voice.split("-")[:2])
    return (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="{html.escape(locale)}">'
        f'<voice name="{html.escape(voice)}">{html.escape(text)}</voice></speak>'
    )
