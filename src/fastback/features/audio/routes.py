"""`/api/v1/audio`: settings of speech; the models and voices of the engine that speaks."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.features.audio.settings import CALLING, LISTENING, SPEAKING, AudioForm, Fields, changes
from fastback.features.audio.voices import Speakers
from fastback.kit.http import Router

router = Router("/api/v1/audio")

Answer = dict[str, Any]


def _page(config: Config) -> Answer:
    def shown(fields: Fields) -> Answer:
        return {field: config.get(key) for field, key in fields.items()}

    return {"realtime": shown(CALLING), "tts": shown(SPEAKING), "stt": shown(LISTENING)}


@router.get("/config")
async def settings(user: AdminUser, config: Config) -> Answer:
    return _page(config)


@router.post("/config/update")
async def save_settings(data: AudioForm, user: AdminUser, config: Config) -> Answer:
    await config.set_many(changes(CALLING, data.realtime) | changes(SPEAKING, data.tts) | changes(LISTENING, data.stt))
    return _page(config)


@router.get("/models")
async def models(user: VerifiedUser, speakers: Speakers) -> Answer:
    return {"models": await speakers.models()}


@router.get("/voices")
async def voices(user: VerifiedUser, speakers: Speakers) -> Answer:
    return {"voices": [{"id": one, "name": name} for one, name in (await speakers.voices()).items()]}
