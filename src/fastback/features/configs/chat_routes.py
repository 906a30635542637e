"""`/api/v1/chats/config` and `/api/v1/evaluations/config`: pages of settings under the paths of other features."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.config.keys.chat import (
    CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE,
    CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD,
)
from fastback.features.configs import settings_pages
from fastback.features.configs.schemas import ArenaForm, ChatsForm
from fastback.kit.http import Router

router = Router("/api/v1")

ConfigPage = dict[str, Any]

_THRESHOLD = CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD
_RETENTION = CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE
#: The least and the most of the context that compaction retains (percent).
MIN_RETENTION, MAX_RETENTION = 10, 50


def _read_chats_page(config: Config) -> ConfigPage:
    page = settings_pages.read_page(config, settings_pages.CHATS)
    if page["CONTEXT_COMPACTION_MODEL"] is None:
        page["CONTEXT_COMPACTION_MODEL"] = ""
    if page["CONTEXT_COMPACTION_TOKEN_CAP"] is None:
        page["CONTEXT_COMPACTION_TOKEN_CAP"] = page["CONTEXT_COMPACTION_TOKEN_THRESHOLD"]
    if page["CONTEXT_COMPACTION_RETENTION_PERCENTAGE"] is None:
        page["CONTEXT_COMPACTION_RETENTION_PERCENTAGE"] = config.get_default(_RETENTION)
    return page


@router.get("/chats/config")
async def get_chats_config(user: AdminUser, config: Config) -> ConfigPage:
    return _read_chats_page(config)


@router.post("/chats/config")
async def save_chats_config(data: ChatsForm, user: AdminUser, config: Config) -> ConfigPage:
    threshold = data.CONTEXT_COMPACTION_TOKEN_THRESHOLD
    threshold = max(1, config.get_default(_THRESHOLD) if threshold is None else threshold)
    retention = data.CONTEXT_COMPACTION_RETENTION_PERCENTAGE
    retention = config.get_default(_RETENTION) if retention is None else retention
    saved = msgspec.structs.replace(
        data,
        CONTEXT_COMPACTION_MODEL=data.CONTEXT_COMPACTION_MODEL or "",
        CONTEXT_COMPACTION_TOKEN_THRESHOLD=threshold,
        CONTEXT_COMPACTION_TOKEN_CAP=max(1, data.CONTEXT_COMPACTION_TOKEN_CAP or threshold),
        CONTEXT_COMPACTION_RETENTION_PERCENTAGE=min(MAX_RETENTION, max(MIN_RETENTION, retention)),
        TOOL_SEARCH_DEFER_THRESHOLD=max(0, data.TOOL_SEARCH_DEFER_THRESHOLD),
        TOOL_SEARCH_ALWAYS_LOADED=[tool.strip() for tool in data.TOOL_SEARCH_ALWAYS_LOADED if tool.strip()],
    )
    await settings_pages.save_page(config, settings_pages.CHATS, saved)
    return _read_chats_page(config)


@router.get("/evaluations/config")
async def get_arena_config(user: AdminUser, config: Config) -> ConfigPage:
    return settings_pages.read_page(config, settings_pages.ARENA)


@router.post("/evaluations/config")
async def save_arena_config(data: ArenaForm, user: AdminUser, config: Config) -> ConfigPage:
    values = msgspec.structs.asdict(data)
    await config.set_many({settings_pages.ARENA[field]: value for field, value in values.items() if value is not None})
    return settings_pages.read_page(config, settings_pages.ARENA)
