"""The page "Audio": what it sends, and the keys of the configuration behind its fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

Fields = dict[str, str]

SPEAKING: Fields = {
    "OPENAI_API_BASE_URL": "audio.tts.openai.api_base_url",
    "OPENAI_API_KEY": "audio.tts.openai.api_key",
    "OPENAI_PARAMS": "audio.tts.openai.params",
    "API_KEY": "audio.tts.api_key",
    "ENGINE": "audio.tts.engine",
    "MODEL": "audio.tts.model",
    "VOICE": "audio.tts.voice",
    "REALTIME_TTS_PROMPT_TEMPLATE": "audio.tts.realtime.prompt_template",
    "SPLIT_ON": "audio.tts.split_on",
    "AZURE_SPEECH_REGION": "audio.tts.azure.speech_region",
    "AZURE_SPEECH_BASE_URL": "audio.tts.azure.speech_base_url",
    "AZURE_SPEECH_OUTPUT_FORMAT": "audio.tts.azure.speech_output_format",
    "MISTRAL_API_KEY": "audio.tts.mistral.api_key",
    "MISTRAL_API_BASE_URL": "audio.tts.mistral.api_base_url",
}
LISTENING: Fields = {
    "OPENAI_API_BASE_URL": "audio.stt.openai.api_base_url",
    "OPENAI_API_KEY": "audio.stt.openai.api_key",
    "OPENAI_API_REQUEST_FORMAT": "audio.stt.openai.api_request_format",
    "ENGINE": "audio.stt.engine",
    "MODEL": "audio.stt.model",
    "SUPPORTED_CONTENT_TYPES": "audio.stt.supported_content_types",
    "ALLOWED_EXTENSIONS": "audio.stt.allowed_extensions",
    "WHISPER_MODEL": "audio.stt.whisper_model",
    "DEEPGRAM_API_KEY": "audio.stt.deepgram.api_key",
    "AZURE_API_KEY": "audio.stt.azure.api_key",
    "AZURE_REGION": "audio.stt.azure.region",
    "AZURE_LOCALES": "audio.stt.azure.locales",
    "AZURE_BASE_URL": "audio.stt.azure.base_url",
    "AZURE_MAX_SPEAKERS": "audio.stt.azure.max_speakers",
    "MISTRAL_API_KEY": "audio.stt.mistral.api_key",
    "MISTRAL_API_BASE_URL": "audio.stt.mistral.api_base_url",
    "MISTRAL_USE_CHAT_COMPLETIONS": "audio.stt.mistral.use_chat_completions",
}
CALLING: Fields = {
    "ENABLED": "audio.realtime.enabled",
    "PROVIDER": "audio.realtime.provider",
    "AUTH_TYPE": "audio.realtime.auth_type",
    "OPENAI_API_BASE_URL": "audio.realtime.openai.api_base_url",
    "OPENAI_API_KEY": "audio.realtime.openai.api_key",
    "MODEL": "audio.realtime.model",
    "VOICE": "audio.realtime.voice",
    "TRANSCRIPTION_MODEL": "audio.realtime.transcription_model",
    "INPUT_PARAMS": "audio.realtime.input_params",
    "REALTIME_CALL_PROMPT_TEMPLATE": "audio.realtime.prompt_template",
}


class SpeakingForm(msgspec.Struct, kw_only=True):
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


class ListeningForm(msgspec.Struct, kw_only=True):
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


class CallingForm(msgspec.Struct):
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
    tts: SpeakingForm
    stt: ListeningForm
    realtime: CallingForm | None = None


def changes(fields: Fields, data: msgspec.Struct | None) -> dict[str, Any]:
    """Keys and values of the fields that were sent."""
    sent = msgspec.structs.asdict(data) if data is not None else {}
    return {fields[name]: value for name, value in sent.items() if value is not UNSET}
