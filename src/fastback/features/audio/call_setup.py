"""What a voice call needs before it begins: the user's access, the chat's model, and the provider's session."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys import audio as audio_keys
from fastback.features.audio import call_texts
from fastback.features.audio.call_protocol import RATE, CallProtocol, CallRefused
from fastback.features.chats.access import ChatAccess
from fastback.kit.http.errors import HttpError
from fastback.media.speech.engine_requests import EngineClient
from fastback.media.speech.gestures import list_gestures
from fastback.media.speech.realtime_address import build_realtime_url, is_valid_base_url
from fastback.providers.registry import ModelRegistry

_PROVIDERS, _AUTH_TYPES = ("openai", "azure"), ("api_key", "microsoft_entra_id")


class CallForm(msgspec.Struct):
    """What the page says about the call: texts, unless the page is wrong."""

    model_id: Any
    chat_id: Any


class CallProvider(msgspec.Struct):
    """The provider's end of a call: its address, the session, and the rules of the call."""

    url: str
    headers: dict[str, str]
    model: str
    voice: str
    session: dict[str, Any]
    protocol: CallProtocol


class CallSetup:
    """Prepares calls."""

    def __init__(
        self,
        *,
        config: Config,
        permissions: Permissions,
        chats: ChatAccess,
        registry: ModelRegistry,
        client: EngineClient,
    ) -> None:
        self._config = config
        self._permissions = permissions
        self._chats = chats
        self._registry = registry
        self._client = client

    @property
    def is_enabled(self) -> bool:
        """Return whether the settings allow calls."""
        return self._config.get_bool(audio_keys.AUDIO_REALTIME_ENABLED)

    async def may_call(self, user: User) -> bool:
        """Return whether a user has the permission to call."""
        return user.is_admin or await self._permissions.has(user.id, "chat.call")

    async def require_access(self, user: User) -> None:
        """Raise CallRefused unless calls are enabled and the user may call."""
        if not self.is_enabled:
            raise CallRefused("Realtime calls are disabled")
        if not await self.may_call(user):
            raise CallRefused("Call permission denied")

    async def require_own_chat(self, form: CallForm, user: User) -> None:
        """Raise CallRefused if the form names a chat that is not the user's."""
        if not form.chat_id:
            return
        if not isinstance(form.chat_id, str):
            raise CallRefused("Invalid chat")
        owners = await self._chats.load_owner_ids([form.chat_id])
        if owners.get(form.chat_id) != user.id:
            raise CallRefused("Chat not found")

    async def prepare(self, form: CallForm, user: User) -> CallProvider:
        """Return the provider's end of a call.

        Raises:
            CallRefused: the user may not use the model, or the settings are incomplete.
        """
        if not isinstance(form.model_id, str):
            raise CallRefused("Select a chat model")
        model = await self._registry.find(form.model_id)
        if model is None:
            raise CallRefused("Bridge requires a server-configured chat model")
        try:
            await self._registry.require_access(user, model)
        except HttpError:
            raise CallRefused("Chat model access denied") from None
        config = self._config
        meta = model.own_meta
        voice_override = meta.get("voice")
        own_voice = voice_override.get("voice") if isinstance(voice_override, dict) else None
        voice_model = config.get_text(audio_keys.AUDIO_REALTIME_MODEL)
        voice = str(own_voice or config.get_text(audio_keys.AUDIO_REALTIME_VOICE))
        transcription_model = config.get_text(audio_keys.AUDIO_REALTIME_TRANSCRIPTION_MODEL)
        if not voice_model or not voice or not transcription_model:
            raise CallRefused("Configure the Realtime model, voice, and transcription model")
        protocol = CallProtocol(list_gestures(meta))
        url, headers = self._build_connection(voice_model)
        return CallProvider(
            url=url,
            headers=headers | self._client.build_user_headers(user),
            model=voice_model,
            voice=voice,
            session=self._build_session(voice, transcription_model, protocol),
            protocol=protocol,
        )

    def _build_connection(self, voice_model: str) -> tuple[str, dict[str, str]]:
        """Return address and headers of the provider's WebSocket.

        Raises:
            CallRefused: the settings are incomplete, or need a credential that this server cannot get.
        """
        config = self._config
        provider = config.get_text(audio_keys.AUDIO_REALTIME_PROVIDER)
        auth_type = config.get_text(audio_keys.AUDIO_REALTIME_AUTH_TYPE)
        if provider not in _PROVIDERS or auth_type not in _AUTH_TYPES:
            raise CallRefused("Unsupported Realtime provider or authentication method")
        if auth_type == "microsoft_entra_id" and provider != "azure":
            raise CallRefused("Microsoft Entra ID requires the Azure OpenAI Realtime provider")
        base = config.get_text(audio_keys.AUDIO_REALTIME_OPENAI_API_BASE_URL)
        if not is_valid_base_url(base):
            raise CallRefused("Invalid Realtime provider URL")
        if auth_type == "microsoft_entra_id":
            raise CallRefused("Unable to obtain a Microsoft Entra ID token for Realtime calls")
        key = config.get_text(audio_keys.AUDIO_REALTIME_OPENAI_API_KEY)
        if not key:
            raise CallRefused("Configure the Realtime API key")
        headers = {"api-key": key} if provider == "azure" else {"Authorization": f"Bearer {key}"}
        return build_realtime_url(base, voice_model), headers

    def _build_session(self, voice: str, transcription_model: str, protocol: CallProtocol) -> dict[str, Any]:
        config = self._config
        prompt = config.get_text(audio_keys.AUDIO_REALTIME_PROMPT_TEMPLATE) or call_texts.DEFAULT_PROMPT
        sound_format = {"type": "audio/pcm", "rate": RATE}
        # The answer waits for the transcript, so that every call of a function belongs to one utterance; the page
        # decides when an answer is interrupted.
        detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
        sound_input = {
            "format": sound_format,
            "transcription": {"model": transcription_model},
            "turn_detection": detection,
            **config.get_object(audio_keys.AUDIO_REALTIME_INPUT_PARAMS),
        }
        return {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": prompt + (call_texts.AVATAR_PROMPT if protocol.gesture_functions else ""),
            "audio": {"input": sound_input, "output": {"format": sound_format, "voice": voice}},
            "tools": [call_texts.CHAT_FUNCTION, *protocol.gesture_functions],
            "tool_choice": "auto",
        }
