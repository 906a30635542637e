"""Models and voices of the text-to-speech engines. An engine that does not respond has its vendor's list, or none."""

from __future__ import annotations

import logging
import time
from typing import Any

import aiohttp

from fastback.config import Config
from fastback.config.keys import audio as audio_keys
from fastback.media.engine_client import EngineError, fetch_json
from fastback.media.speech.mistral_speech import BASE_URL as MISTRAL_URL
from fastback.settings import Settings

log = logging.getLogger("fastback.audio")

Model = dict[str, Any]
#: Names of voices by id.
Voices = dict[str, str]

_OPENAI = "https://api.openai.com"
_OPENAI_MODELS = ("tts-1", "tts-1-hd")
_OPENAI_VOICES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")
_REALTIME_MODELS = ("gpt-realtime-2.1-mini", "gpt-realtime-2.1")
_REALTIME_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
_MISTRAL_MODELS = ("voxtral-mini-tts-2603",)
#: Seconds for which a list of voices is valid.
_VOICES_SECONDS = 60.0


class SpeechCatalog:
    """List the models and voices of the configured text-to-speech engine."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings
        #: The voices that ElevenLabs listed last: address and key, time, ids.
        self._elevenlabs: tuple[tuple[str, str], float, frozenset[str]] | None = None

    async def has_elevenlabs_voice(self, voice_id: str) -> bool:
        """Return whether ElevenLabs lists a voice, or lists none at all; the list is asked for once in a minute."""
        base, headers = self._get_elevenlabs_access()
        access = base, headers["xi-api-key"]
        if self._elevenlabs is not None and self._elevenlabs[0] == access:
            _, listed_at, voice_ids = self._elevenlabs
            if voice_id in voice_ids and time.monotonic() - listed_at < _VOICES_SECONDS:
                return True
        try:
            voices = await self._list_elevenlabs_voices()
        except _RESPONSE_ERRORS as error:
            log.warning("listing the voices of elevenlabs failed, any voice is accepted: %s", error)
            return True
        self._elevenlabs = access, time.monotonic(), frozenset(voices)
        return not voices or voice_id in voices

    async def list_models(self) -> list[Model]:
        """Return the models of the configured engine; an unknown engine has none."""
        match self._config.get_text(audio_keys.AUDIO_TTS_ENGINE):
            case "openai":
                return await self._list_openai_models()
            case "openai-realtime":
                return _build_models(_REALTIME_MODELS)
            case "elevenlabs":
                return await self._list_elevenlabs_models()
            case "mistral":
                return _build_models(_MISTRAL_MODELS)
        return []

    async def list_voices(self) -> Voices:
        """Return the voices of the configured engine; none if the engine is unknown or its request fails."""
        engine = self._config.get_text(audio_keys.AUDIO_TTS_ENGINE)
        try:
            match engine:
                case "openai":
                    return await self._list_openai_voices()
                case "openai-realtime":
                    return {name: name for name in _REALTIME_VOICES}
                case "elevenlabs":
                    return await self._list_elevenlabs_voices()
                case "azure":
                    return await self._list_azure_voices()
                case "mistral":
                    return await self._list_mistral_voices()
        except _RESPONSE_ERRORS as error:
            log.warning("listing the voices of %s failed: %s", engine, error)
        return {}

    async def _fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
        timeout = self._settings.aiohttp_client_timeout_model_list
        return await fetch_json(self._client, url, headers=headers, timeout=timeout)

    async def _list_openai_models(self) -> list[Model]:
        """Return the models; servers with OpenAI's protocol list speech models separately, or all their models."""
        base = self._config.get_text(audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL)
        if base.startswith(_OPENAI):
            return _build_models(_OPENAI_MODELS)
        for path, fields in (("audio/models", ("models",)), ("models", ("data", "models"))):
            try:
                content = await self._fetch(f"{base}/{path}")
                return list(next((content[field] for field in fields if field in content), ()))
            except _RESPONSE_ERRORS as error:
                log.info("listing speech models at %s failed: %s", path, error)
        return _build_models(_OPENAI_MODELS)

    async def _list_openai_voices(self) -> Voices:
        base = self._config.get_text(audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL)
        if not base.startswith(_OPENAI):
            try:
                content = await self._fetch(f"{base}/audio/voices")
                return {voice["id"]: voice["name"] for voice in content.get("voices", [])}
            except _RESPONSE_ERRORS as error:
                log.info("listing the voices of openai failed, the standard voices are used: %s", error)
        return {name: name for name in _OPENAI_VOICES}

    def _get_elevenlabs_access(self) -> tuple[str, dict[str, str]]:
        return self._settings.elevenlabs_api_base_url, {
            "xi-api-key": self._config.get_text(audio_keys.AUDIO_TTS_API_KEY)
        }

    async def _list_elevenlabs_models(self) -> list[Model]:
        base, headers = self._get_elevenlabs_access()
        try:
            return [
                {"name": model["name"], "id": model["model_id"]}
                for model in await self._fetch(f"{base}/v1/models", headers)
            ]
        except _RESPONSE_ERRORS as error:
            log.warning("listing the models of elevenlabs failed: %s", error)
            return []

    async def _list_elevenlabs_voices(self) -> Voices:
        base, headers = self._get_elevenlabs_access()
        content = await self._fetch(f"{base}/v1/voices", headers)
        return {voice["voice_id"]: voice["name"] for voice in content.get("voices", [])}

    async def _list_azure_voices(self) -> Voices:
        region = self._config.get_text(audio_keys.AUDIO_TTS_AZURE_SPEECH_REGION)
        base = (
            self._config.get_text(audio_keys.AUDIO_TTS_AZURE_SPEECH_BASE_URL)
            or f"https://{region}.tts.speech.microsoft.com"
        )
        headers = {"ocp-apim-subscription-key": self._config.get_text(audio_keys.AUDIO_TTS_API_KEY)}
        content = await self._fetch(f"{base}/cognitiveservices/voices/list", headers)
        return {voice["ShortName"]: f"{voice['DisplayName']} ({voice['ShortName']})" for voice in content}

    async def _list_mistral_voices(self) -> Voices:
        key = self._config.get_text(audio_keys.AUDIO_TTS_MISTRAL_API_KEY)
        if not key:
            return {}
        base = self._config.get_text(audio_keys.AUDIO_TTS_MISTRAL_API_BASE_URL) or MISTRAL_URL
        content = await self._fetch(f"{base}/audio/voices", {"authorization": f"Bearer {key}"})
        voices: Voices = {}
        for voice in content.get("items", []) if isinstance(content, dict) else content:
            voice_id = voice.get("voice_id", voice.get("id", "")) if isinstance(voice, dict) else ""
            if voice_id:
                voices[voice_id] = voice.get("name", voice_id)
        return voices


#: Errors of a failed request, or of a response with unexpected content.
_RESPONSE_ERRORS = (EngineError, KeyError, TypeError, AttributeError)


def _build_models(ids: tuple[str, ...]) -> list[Model]:
    return [{"id": model_id} for model_id in ids]
