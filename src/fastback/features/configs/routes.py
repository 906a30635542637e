"""`/api/v1/configs`: settings an administrator saves, by page; banners and suggestions."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.features.configs import pages
from fastback.kit.http import HttpError, NotFound, Router
from fastback.settings import Settings

router = Router("/api/v1/configs")

Answer = dict[str, Any]


class ImportForm(msgspec.Struct):
    config: dict[str, Any]


@router.get("/export")
async def export(user: AdminUser, config: Config) -> Answer:
    return config.all()


@router.post("/import")
async def import_config(data: ImportForm, user: AdminUser, config: Config) -> Answer:
    known = config.all()
    await config.set_many({key: value for key, value in data.config.items() if key in known})
    return config.all()


@router.get("/namespace/{namespace}")
async def namespace(namespace: str, user: AdminUser, config: Config) -> Answer:
    found = {key: value for key, value in config.all().items() if key.startswith(f"{namespace}.")}
    if not found:
        raise NotFound(messages.NOT_FOUND)
    return found


@router.post("/interface/visibility")
async def visibility(data: Answer, user: AdminUser, config: Config) -> Answer:
    wanted = data.get("visibility", data)
    if not isinstance(wanted, dict):
        raise HttpError(422, messages.default("visibility"))
    await config.set("ui.visibility", wanted)
    return {"visibility": config.get("ui.visibility")} if "visibility" in data else config.table("ui.visibility")


@router.get("/connections")
async def connections(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.CONNECTIONS)


@router.post("/connections")
async def save_connections(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.CONNECTIONS, data)


@router.get("/tool_servers")
async def tool_servers(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.TOOL_SERVERS)


@router.post("/tool_servers")
async def save_tool_servers(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.TOOL_SERVERS, data)


@router.get("/terminal_servers")
async def terminal_servers(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.TERMINAL_SERVERS)


@router.post("/terminal_servers")
async def save_terminal_servers(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.TERMINAL_SERVERS, data)


@router.get("/code_execution")
async def code(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.CODE)


@router.post("/code_execution")
async def save_code(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.CODE, data)


@router.get("/models/defaults")
async def model_defaults(user: VerifiedUser, config: Config) -> Answer:
    return {"DEFAULT_MODEL_METADATA": config.get("models.default_metadata")}


@router.get("/models")
async def models(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.MODELS)


@router.post("/models")
async def save_models(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.MODELS, data)


@router.get("/subagents")
async def subagents(user: AdminUser, config: Config) -> Answer:
    return pages.current(config, pages.SUBAGENTS)


@router.post("/subagents")
async def save_subagents(data: Answer, user: AdminUser, config: Config) -> Answer:
    return await pages.save(config, pages.SUBAGENTS, data)


class SuggestionsForm(msgspec.Struct):
    suggestions: list[dict[str, Any]]


@router.post("/suggestions")
async def save_suggestions(data: SuggestionsForm, user: AdminUser, config: Config) -> Answer:
    await config.set("ui.prompt_suggestions", data.suggestions)
    return {"suggestions": config.get("ui.prompt_suggestions")}


class Banner(msgspec.Struct):
    id: str
    type: str
    content: str
    dismissible: bool
    timestamp: int
    title: str | None = None


class BannersForm(msgspec.Struct):
    banners: list[Banner]


@router.post("/banners")
async def save_banners(data: BannersForm, user: AdminUser, config: Config) -> list[Answer]:
    await config.set("ui.banners", [_banner(one) for one in data.banners])
    return config.items("ui.banners")


def _banner(one: Banner) -> Answer:
    return {
        "id": one.id,
        "type": one.type,
        "title": one.title,
        "content": one.content,
        "dismissible": one.dismissible,
        "timestamp": one.timestamp,
    }


@router.get("/banners")
async def banners(user: VerifiedUser, config: Config, settings: Settings) -> list[Answer]:
    return config.items("ui.banners")
