"""`/api/v1/configs`: the administrator's settings by page, banners and suggestions."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from fastback.access.guards import AdminIdentity, AdminUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys.connections import MODELS_DEFAULT_METADATA
from fastback.config.keys.interface import UI_BANNERS, UI_PROMPT_SUGGESTIONS, UI_PROMPT_SUGGESTIONS_I18N, UI_VISIBILITY
from fastback.features.configs import chat_routes, schemas, server_routes, settings_pages
from fastback.features.second_factors.policy import SecondFactorPolicy
from fastback.kit.http import Router

router = Router("/api/v1/configs")
routers = [router, server_routes.router, chat_routes.router]

ConfigPage = dict[str, Any]


@router.get("/export")
async def export_config(user: AdminUser, config: Config) -> ConfigPage:
    return config.get_all()


@router.post("/import", takes_content=True)
async def import_config(
    request: Request, data: schemas.ImportForm, identity: AdminIdentity, config: Config, policy: SecondFactorPolicy
) -> ConfigPage:
    """Store all keys, also those of other releases and of plugins."""
    await policy.save(identity, data.config, client=request.client.host if request.client else None)
    return config.get_all()


@router.get("/namespace/{namespace}")
async def get_namespace(namespace: str, user: AdminUser, config: Config) -> ConfigPage:
    return config.get_namespace(namespace)


@router.post("/interface/visibility")
async def save_visibility(data: schemas.VisibilityForm, user: AdminUser, config: Config) -> schemas.VisibilityForm:
    data.require_booleans()
    await config.set(UI_VISIBILITY, data.visibility)
    return data


@router.get("/connections")
async def get_connections(user: AdminUser, config: Config) -> ConfigPage:
    return settings_pages.read_page(config, settings_pages.CONNECTIONS)


@router.post("/connections")
async def save_connections(data: schemas.ConnectionsForm, user: AdminUser, config: Config) -> ConfigPage:
    return await settings_pages.save_page(config, settings_pages.CONNECTIONS, data)


@router.get("/code_execution")
async def get_code_config(user: AdminUser, config: Config) -> ConfigPage:
    return settings_pages.read_page(config, settings_pages.CODE)


@router.post("/code_execution")
async def save_code_config(data: schemas.CodeForm, user: AdminUser, config: Config) -> ConfigPage:
    return await settings_pages.save_page(config, settings_pages.CODE, data)


@router.get("/models/defaults")
async def get_model_defaults(user: VerifiedUser, config: Config) -> ConfigPage:
    return {"DEFAULT_MODEL_METADATA": config.get(MODELS_DEFAULT_METADATA)}


@router.get("/models")
async def get_models_config(user: AdminUser, config: Config) -> ConfigPage:
    return settings_pages.read_page(config, settings_pages.MODELS)


@router.post("/models")
async def save_models_config(data: schemas.ModelsForm, user: AdminUser, config: Config) -> ConfigPage:
    return await settings_pages.save_page(config, settings_pages.MODELS, data)


@router.get("/subagents")
async def get_subagents_config(user: AdminUser, config: Config) -> ConfigPage:
    return settings_pages.read_page(config, settings_pages.SUBAGENTS)


@router.post("/subagents")
async def save_subagents_config(data: schemas.SubagentsForm, user: AdminUser, config: Config) -> ConfigPage:
    return await settings_pages.save_page(config, settings_pages.SUBAGENTS, data)


@router.post("/suggestions")
async def save_suggestions(data: schemas.SuggestionsForm, user: AdminUser, config: Config) -> ConfigPage:
    await config.set_many({UI_PROMPT_SUGGESTIONS: data.suggestions, UI_PROMPT_SUGGESTIONS_I18N: data.i18n or {}})
    return {"suggestions": config.get(UI_PROMPT_SUGGESTIONS), "i18n": config.get(UI_PROMPT_SUGGESTIONS_I18N)}


@router.post("/banners")
async def save_banners(data: schemas.BannersForm, user: AdminUser, config: Config) -> list[schemas.Banner]:
    await config.set(UI_BANNERS, data.banners)
    return data.banners


@router.get("/banners")
async def list_banners(user: VerifiedUser, config: Config) -> list[schemas.Banner]:
    """Return the stored banners; those of releases with fewer fields get the defaults."""
    return msgspec.convert(config.get_list(UI_BANNERS), list[schemas.Banner], strict=False)
