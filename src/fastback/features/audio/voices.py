"""Models and voices of the engines that speak. An engine that does not answer has those of its maker, or none."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp

from fastback.config import Config
from fastback.config.keys import audio as audio_keys
from fastback.media.engine_client import EngineError, fetch_json
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
_MISTRAL = "https://api.mistral.ai/v1"


class Speakers:
    """What the configured engine can speak with."""

    def __init__(self, client: aiohttp.ClientSession, config: Config, settings: Settings) -> None:
        self._client = client
        self._config = config
        self._settings = settings

    async def models(self) -> list[Model]:
        match self._config.text(audio_keys.AUDIO_TTS_ENGINE):
            case "openai":
                return await self._openai_models()
            case "openai-realtime":
                return _named(_REALTIME_MODELS)
            case "elevenlabs":
                return await self._elevenlabs_models()
            case "mistral":
                return _named(_MISTRAL_MODELS)
        return []

    async def voices(self) -> Voices:
        engine = self._config.text(audio_keys.AUDIO_TTS_ENGINE)
        try:
            match engine:
                case "openai":
                    return await self._openai_voices()
                case "openai-realtime":
                    return {name: name for name in _REALTIME_VOICES}
                case "elevenlabs":
                    return await self._elevenlabs_voices()
                case "azure":
                    return await self._azure_voices()
                case "mistral":
                    return await self._mistral_voices()
        except _NOT_UNDERSTOOD as error:
            log.warning("voices of %s: %s", engine, error)
        return {}

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> Any:
        limit = self._settings.aiohttp_client_timeout_model_list
        return await fetch_json(self._client, url, headers=headers, timeout=limit)

    async def _openai_models(self) -> list[Model]:
        """Servers that speak OpenAI's protocol list those that speak apart, or all they have."""
        base = self._config.text(audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL)
        if base.startswith(_OPENAI):
            return _named(_OPENAI_MODELS)
        for path, fields in (("audio/models", ("models",)), ("models", ("data", "models"))):
            try:
                answer = await self._get(f"{base}/{path}")
                return list(next((answer[field] for field in fields if field in answer), ()))
            except _NOT_UNDERSTOOD as error:
                log.info("models that speak: %s", error)
        return _named(_OPENAI_MODELS)

    async def _openai_voices(self) -> Voices:
        base = self._config.text(audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL)
        if not base.startswith(_OPENAI):
            try:
                answer = await self._get(f"{base}/audio/voices")
                return {one["id"]: one["name"] for one in answer.get("voices", [])}
            except _NOT_UNDERSTOOD as error:
                log.info("voices: %s", error)
        return {name: name for name in _OPENAI_VOICES}

    def _elevenlabs(self) -> tuple[str, dict[str, str]]:
        return self._settings.elevenlabs_api_base_url, {"xi-api-key": self._config.text(audio_keys.AUDIO_TTS_API_KEY)}

    async def _elevenlabs_models(self) -> list[Model]:
        base, headers = self._elevenlabs()
        try:
            return [
                {"name": one["name"], "id": one["model_id"]} for one in await self._get(f"{base}/v1/models", headers)
            ]
        except _NOT_UNDERSTOOD as error:
            log.warning("models of elevenlabs: %s", error)
            return []

    async def _elevenlabs_voices(self) -> Voices:
        base, headers = self._elevenlabs()
        answer = await self._get(f"{base}/v1/voices", headers)
        return {one["voice_id"]: one["name"] for one in answer.get("voices", [])}

    async def _azure_voices(self) -> Voices:
        region = self._config.text(audio_keys.AUDIO_TTS_AZURE_SPEECH_REGION)
        base = (
            self._config.text(audio_keys.AUDIO_TTS_AZURE_SPEECH_BASE_URL)
            or f"https://{region}.tts.speech.microsoft.com"
        )
        headers = {"ocp-apim-subscription-key": self._config.text(audio_keys.AUDIO_TTS_API_KEY)}
        answer = await self._get(f"{base}/cognitiveservices/voices/list", headers)
        return {one["ShortName"]: f"{one['DisplayName']} ({one['ShortName']})" for one in answer}

    async def _mistral_voices(self) -> Voices:
        key = self._config.text(audio_keys.AUDIO_TTS_MISTRAL_API_KEY)
        if not key:
            return {}
        base = self._config.text(audio_keys.AUDIO_TTS_MISTRAL_API_BASE_URL) or _MISTRAL
        answer = await self._get(f"{base}/audio/voices", {"authorization": f"Bearer {key}"})
        found: Voices = {}
        for one in answer.get("items", []) if isinstance(answer, dict) else answer:
            name = one.get("voice_id", one.get("id", "")) if isinstance(one, dict) else ""
            if name:
                found[name] = one.get("name", name)
        return found


#: What may be wrong with an engine's answer.
_NOT_UNDERSTOOD = (EngineError, KeyError, TypeError, AttributeError)


def _named(ids: tuple[str, ...]) -> list[Model]:
    return [{"id": one} for one in ids]
