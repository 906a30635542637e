"""Routes below `/api/v1/audio`: settings of speech; models and voices of the text-to-speech engine."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.features.audio.settings import REALTIME_FIELDS, STT_FIELDS, TTS_FIELDS, AudioForm, Fields, collect_changes
from fastback.kit.http import Router
from fastback.media.speech.voice_catalog import SpeechCatalog

router = Router("/api/v1/audio")

JsonObject = dict[str, Any]


def _dump_settings(config: Config) -> JsonObject:
    def read_fields(fields: Fields) -> JsonObject:
        return {field: config.get(key) for field, key in fields.items()}

    return {"realtime": read_fields(REALTIME_FIELDS), "tts": read_fields(TTS_FIELDS), "stt": read_fields(STT_FIELDS)}


@router.get("/config")
async def get_settings(user: AdminUser, config: Config) -> JsonObject:
    """Return the settings of speech."""
    return _dump_settings(config)


@router.post("/config/update")
async def update_settings(data: AudioForm, user: AdminUser, config: Config) -> JsonObject:
    """Change the sent settings of speech."""
    await config.set_many(
        collect_changes(REALTIME_FIELDS, data.realtime)
        | collect_changes(TTS_FIELDS, data.tts)
        | collect_changes(STT_FIELDS, data.stt)
    )
    return _dump_settings(config)


@router.get("/models")
async def list_models(user: VerifiedUser, catalog: SpeechCatalog) -> JsonObject:
    """List the models of the text-to-speech engine."""
    return {"models": await catalog.list_models()}


@router.get("/voices")
async def list_voices(user: VerifiedUser, catalog: SpeechCatalog) -> JsonObject:
    """List the voices of the text-to-speech engine."""
    return {"voices": [{"id": voice_id, "name": name} for voice_id, name in (await catalog.list_voices()).items()]}
