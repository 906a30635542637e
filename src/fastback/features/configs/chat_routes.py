"""`/api/v1/chats/config` and `/api/v1/evaluations/config`: pages of settings that live with what they rule."""

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

Answer = dict[str, Any]

_THRESHOLD = CHAT_CONTEXT_COMPACTION_TOKEN_THRESHOLD
_RETENTION = CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE
#: Percent of the context that compaction may keep.
LEAST_KEPT, MOST_KEPT = 10, 50


def _chats(config: Config) -> Answer:
    page = settings_pages.read_page(config, settings_pages.CHATS)
    if page["CONTEXT_COMPACTION_MODEL"] is None:
        page["CONTEXT_COMPACTION_MODEL"] = ""
    if page["CONTEXT_COMPACTION_TOKEN_CAP"] is None:
        page["CONTEXT_COMPACTION_TOKEN_CAP"] = page["CONTEXT_COMPACTION_TOKEN_THRESHOLD"]
    if page["CONTEXT_COMPACTION_RETENTION_PERCENTAGE"] is None:
        page["CONTEXT_COMPACTION_RETENTION_PERCENTAGE"] = config.default(_RETENTION)
    return page


@router.get("/chats/config")
async def chats(user: AdminUser, config: Config) -> Answer:
    return _chats(config)


@router.post("/chats/config")
async def save_chats(data: ChatsForm, user: AdminUser, config: Config) -> Answer:
    threshold = data.CONTEXT_COMPACTION_TOKEN_THRESHOLD
    threshold = max(1, config.default(_THRESHOLD) if threshold is None else threshold)
    kept = data.CONTEXT_COMPACTION_RETENTION_PERCENTAGE
    kept = config.default(_RETENTION) if kept is None else kept
    saved = msgspec.structs.replace(
        data,
        CONTEXT_COMPACTION_MODEL=data.CONTEXT_COMPACTION_MODEL or "",
        CONTEXT_COMPACTION_TOKEN_THRESHOLD=threshold,
        CONTEXT_COMPACTION_TOKEN_CAP=max(1, data.CONTEXT_COMPACTION_TOKEN_CAP or threshold),
        CONTEXT_COMPACTION_RETENTION_PERCENTAGE=min(MOST_KEPT, max(LEAST_KEPT, kept)),
        TOOL_SEARCH_DEFER_THRESHOLD=max(0, data.TOOL_SEARCH_DEFER_THRESHOLD),
        TOOL_SEARCH_ALWAYS_LOADED=[one.strip() for one in data.TOOL_SEARCH_ALWAYS_LOADED if one.strip()],
    )
    await settings_pages.save_page(config, settings_pages.CHATS, saved)
    return _chats(config)


@router.get("/evaluations/config")
async def arena(user: AdminUser, config: Config) -> Answer:
    return settings_pages.read_page(config, settings_pages.ARENA)


@router.post("/evaluations/config")
async def save_arena(data: ArenaForm, user: AdminUser, config: Config) -> Answer:
    values = msgspec.structs.asdict(data)
    await config.set_many({settings_pages.ARENA[field]: value for field, value in values.items() if value is not None})
    return settings_pages.read_page(config, settings_pages.ARENA)
