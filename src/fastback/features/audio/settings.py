"""Settings of speech: the forms that the frontend sends, and the configuration key of each field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fastback.config.key import ConfigKey
from fastback.config.keys import audio as audio_keys

Fields = dict[str, ConfigKey]

TTS_FIELDS: Fields = {
    "OPENAI_API_BASE_URL": audio_keys.AUDIO_TTS_OPENAI_API_BASE_URL,
    "OPENAI_API_KEY": audio_keys.AUDIO_TTS_OPENAI_API_KEY,
    "OPENAI_PARAMS": audio_keys.AUDIO_TTS_OPENAI_PARAMS,
    "API_KEY": audio_keys.AUDIO_TTS_API_KEY,
    "ENGINE": audio_keys.AUDIO_TTS_ENGINE,
    "MODEL": audio_keys.AUDIO_TTS_MODEL,
    "VOICE": audio_keys.AUDIO_TTS_VOICE,
    "REALTIME_TTS_PROMPT_TEMPLATE": audio_keys.AUDIO_TTS_REALTIME_PROMPT_TEMPLATE,
    "SPLIT_ON": audio_keys.AUDIO_TTS_SPLIT_ON,
    "AZURE_SPEECH_REGION": audio_keys.AUDIO_TTS_AZURE_SPEECH_REGION,
    "AZURE_SPEECH_BASE_URL": audio_keys.AUDIO_TTS_AZURE_SPEECH_BASE_URL,
    "AZURE_SPEECH_OUTPUT_FORMAT": audio_keys.AUDIO_TTS_AZURE_SPEECH_OUTPUT_FORMAT,
    "MISTRAL_API_KEY": audio_keys.AUDIO_TTS_MISTRAL_API_KEY,
    "MISTRAL_API_BASE_URL": audio_keys.AUDIO_TTS_MISTRAL_API_BASE_URL,
}
STT_FIELDS: Fields = {
    "OPENAI_API_BASE_URL": audio_keys.AUDIO_STT_OPENAI_API_BASE_URL,
    "OPENAI_API_KEY": audio_keys.AUDIO_STT_OPENAI_API_KEY,
    "OPENAI_API_REQUEST_FORMAT": audio_keys.AUDIO_STT_OPENAI_API_REQUEST_FORMAT,
    "ENGINE": audio_keys.AUDIO_STT_ENGINE,
    "MODEL": audio_keys.AUDIO_STT_MODEL,
    "SUPPORTED_CONTENT_TYPES": audio_keys.AUDIO_STT_SUPPORTED_CONTENT_TYPES,
    "ALLOWED_EXTENSIONS": audio_keys.AUDIO_STT_ALLOWED_EXTENSIONS,
    "WHISPER_MODEL": audio_keys.AUDIO_STT_WHISPER_MODEL,
    "DEEPGRAM_API_KEY": audio_keys.AUDIO_STT_DEEPGRAM_API_KEY,
    "AZURE_API_KEY": audio_keys.AUDIO_STT_AZURE_API_KEY,
    "AZURE_REGION": audio_keys.AUDIO_STT_AZURE_REGION,
    "AZURE_LOCALES": audio_keys.AUDIO_STT_AZURE_LOCALES,
    "AZURE_BASE_URL": audio_keys.AUDIO_STT_AZURE_BASE_URL,
    "AZURE_MAX_SPEAKERS": audio_keys.AUDIO_STT_AZURE_MAX_SPEAKERS,
    "MISTRAL_API_KEY": audio_keys.AUDIO_STT_MISTRAL_API_KEY,
    "MISTRAL_API_BASE_URL": audio_keys.AUDIO_STT_MISTRAL_API_BASE_URL,
    "MISTRAL_USE_CHAT_COMPLETIONS": audio_keys.AUDIO_STT_MISTRAL_USE_CHAT_COMPLETIONS,
}
REALTIME_FIELDS: Fields = {
    "ENABLED": audio_keys.AUDIO_REALTIME_ENABLED,
    "PROVIDER": audio_keys.AUDIO_REALTIME_PROVIDER,
    "AUTH_TYPE": audio_keys.AUDIO_REALTIME_AUTH_TYPE,
    "OPENAI_API_BASE_URL": audio_keys.AUDIO_REALTIME_OPENAI_API_BASE_URL,
    "OPENAI_API_KEY": audio_keys.AUDIO_REALTIME_OPENAI_API_KEY,
    "MODEL": audio_keys.AUDIO_REALTIME_MODEL,
    "VOICE": audio_keys.AUDIO_REALTIME_VOICE,
    "TRANSCRIPTION_MODEL": audio_keys.AUDIO_REALTIME_TRANSCRIPTION_MODEL,
    "INPUT_PARAMS": audio_keys.AUDIO_REALTIME_INPUT_PARAMS,
    "REALTIME_CALL_PROMPT_TEMPLATE": audio_keys.AUDIO_REALTIME_PROMPT_TEMPLATE,
}


class TextToSpeechForm(msgspec.Struct, kw_only=True):
    OPENAI_API_BASE_URL: str
    OPENAI_API_KEY: str
    OPENAI_PARAMS: dict[str, Any] | UnsetType | None = UNSET
    API_KEY: str
    ENGINE: str
    MODEL: str
    VOICE: str
    REALTIME_TTS_PROMPT_TEMPLATE: str | UnsetType | None = UNSET
    SPLIT_ON: str
    AZURE_SPEECH_REGION: str
    AZURE_SPEECH_BASE_URL: str
    AZURE_SPEECH_OUTPUT_FORMAT: str
    MISTRAL_API_KEY: str
    MISTRAL_API_BASE_URL: str


class SpeechToTextForm(msgspec.Struct, kw_only=True):
    OPENAI_API_BASE_URL: str
    OPENAI_API_KEY: str
    OPENAI_API_REQUEST_FORMAT: str | UnsetType = UNSET
    ENGINE: str
    MODEL: str
    SUPPORTED_CONTENT_TYPES: list[str] | UnsetType = UNSET
    ALLOWED_EXTENSIONS: list[str] | UnsetType = UNSET
    WHISPER_MODEL: str
    DEEPGRAM_API_KEY: str
    AZURE_API_KEY: str
    AZURE_REGION: str
    AZURE_LOCALES: str
    AZURE_BASE_URL: str
    AZURE_MAX_SPEAKERS: str
    MISTRAL_API_KEY: str
    MISTRAL_API_BASE_URL: str
    MISTRAL_USE_CHAT_COMPLETIONS: bool


_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RealtimeForm(msgspec.Struct):
    ENABLED: bool | UnsetType = UNSET
    PROVIDER: Literal["openai", "azure"] | UnsetType = UNSET
    AUTH_TYPE: Literal["api_key", "microsoft_entra_id"] | UnsetType = UNSET
    OPENAI_API_BASE_URL: str | UnsetType = UNSET
    OPENAI_API_KEY: str | UnsetType = UNSET
    MODEL: _Name | UnsetType = UNSET
    VOICE: _Name | UnsetType = UNSET
    TRANSCRIPTION_MODEL: _Name | UnsetType = UNSET
    INPUT_PARAMS: dict[str, Any] | UnsetType | None = UNSET
    REALTIME_CALL_PROMPT_TEMPLATE: str | UnsetType | None = UNSET


class AudioForm(msgspec.Struct):
    tts: TextToSpeechForm
    stt: SpeechToTextForm
    realtime: RealtimeForm | None = None


def collect_changes(fields: Fields, data: msgspec.Struct | None) -> dict[str, Any]:
    """Return configuration keys and values of the fields that were sent."""
    sent = msgspec.structs.asdict(data) if data is not None else {}
    return {fields[name]: value for name, value in sent.items() if value is not UNSET}
