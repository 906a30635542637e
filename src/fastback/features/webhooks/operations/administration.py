"""The configuration, and the connections to model servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS, TOOL_SERVER_CONNECTIONS
from fastback.config.keys.interface import UI_BANNERS, UI_PROMPT_SUGGESTIONS, UI_VISIBILITY
from fastback.features.connections.management_routes import get_server_root
from fastback.features.webhooks.emission import Done, Table, Telling, field

_CONFIGS = "/api/v1/configs"
_PROVIDER = "model.provider_config"


def _saved(event: str, subject: str, data: Callable[[Done], dict[str, Any]], kind: str | None = "config") -> Telling:
    return Telling((event,), lambda done: done.told(event, subject, kind, **data(done)))


def _sent(count: str) -> Callable[[Done], dict[str, Any]]:
    """How many of a list were sent."""
    return lambda done: {"count": len(getattr(done["data"], count) or ())}


def _answered(**fields: str) -> Callable[[Done], dict[str, Any]]:
    return lambda done: {name: done.field(one) for name, one in fields.items()}


def _connections(done: Done) -> dict[str, Any]:
    given = done["data"].TOOL_SERVER_CONNECTIONS
    return {"count": len(given), "types": [field(one, "type") or "openapi" for one in given]}


def _models(done: Done) -> dict[str, Any]:
    found = _answered(default_models="DEFAULT_MODELS", default_pinned_models="DEFAULT_PINNED_MODELS")(done)
    return {**found, "model_order_count": len(done.field("MODEL_ORDER_LIST") or ())}


def _provider(name: str, enabled: str, urls: str) -> Telling:
    return _saved(
        "model.provider_config.updated",
        name,
        lambda done: {
            "provider": name,
            "enabled": getattr(done["data"], enabled),
            "base_url_count": len(getattr(done["data"], urls)),
        },
        _PROVIDER,
    )


def _managed(event: str, model: Callable[[Done], str]) -> Telling:
    """A model of a server that loads models by need; the prefix of its connection is no part of its name."""

    def say(done: Done) -> ActivityEvent:
        connection = done["forwarding"].openai_connections()[done["url_idx"]]
        name = model(done)
        return done.told(
            event,
            name.removeprefix(f"{connection.prefix}.") if connection.prefix else name,
            provider=str(connection.options.get("provider") or ""),
            url_idx=done["url_idx"],
            base_url=get_server_root(connection),
        )

    return Telling((event,), say)


_COPIED = Telling(
    ("model.provider_model.created",),
    lambda done: done.told(
        "model.provider_model.created",
        done["data"].destination,
        provider="ollama",
        source=done["data"].source,
        url_idx=done["url_idx"],
    ),
)
_DELETED = Telling(
    ("model.provider_model.deleted",),
    lambda done: done.told(
        "model.provider_model.deleted",
        done["data"].get("model") or done["data"].get("name"),
        provider="ollama",
        url_idx=done["url_idx"],
    ),
)


TABLE: Table = {
    ("POST", f"{_CONFIGS}/import"): _saved(
        "config.imported", "import", lambda done: {"keys": list(done["data"].config)}, None
    ),
    ("POST", f"{_CONFIGS}/interface/visibility"): _saved(
        "config.updated", "interface", lambda done: {"keys": [UI_VISIBILITY]}
    ),
    ("POST", f"{_CONFIGS}/connections"): _saved(
        "config.connections.updated", "connections", lambda done: dict(done.answer)
    ),
    ("POST", f"{_CONFIGS}/tool_servers"): _saved("config.tool_servers.updated", TOOL_SERVER_CONNECTIONS, _connections),
    ("POST", f"{_CONFIGS}/terminal_servers"): _saved(
        "config.terminal_servers.updated", TERMINAL_SERVER_CONNECTIONS, _sent("TERMINAL_SERVER_CONNECTIONS")
    ),
    ("POST", f"{_CONFIGS}/code_execution"): _saved(
        "config.code_execution.updated",
        "code_execution",
        _answered(
            code_execution_enabled="ENABLE_CODE_EXECUTION",
            code_execution_engine="CODE_EXECUTION_ENGINE",
            code_interpreter_enabled="ENABLE_CODE_INTERPRETER",
            code_interpreter_engine="CODE_INTERPRETER_ENGINE",
        ),
    ),
    ("POST", f"{_CONFIGS}/models"): _saved("config.models.updated", "models", _models),
    ("POST", f"{_CONFIGS}/subagents"): _saved("config.updated", "subagents", _answered(enabled="ENABLE_SUBAGENTS")),
    ("POST", f"{_CONFIGS}/suggestions"): _saved(
        "config.suggestions.updated", UI_PROMPT_SUGGESTIONS, _sent("suggestions")
    ),
    ("POST", f"{_CONFIGS}/banners"): _saved("config.banners.updated", UI_BANNERS, _sent("banners")),
    ("POST", "/api/v1/audio/config/update"): _saved(
        "config.updated",
        "audio",
        lambda done: {"tts_engine": done["data"].tts.ENGINE, "stt_engine": done["data"].stt.ENGINE},
    ),
    ("POST", "/api/v1/images/config/update"): _saved(
        "config.updated",
        "images",
        _answered(
            image_generation_enabled="ENABLE_IMAGE_GENERATION",
            image_edit_enabled="ENABLE_IMAGE_EDIT",
            image_generation_engine="IMAGE_GENERATION_ENGINE",
            image_edit_engine="IMAGE_EDIT_ENGINE",
        ),
    ),
    ("POST", "/openai/config/update"): _provider("openai", "ENABLE_OPENAI_API", "OPENAI_API_BASE_URLS"),
    ("POST", "/ollama/config/update"): _provider("ollama", "ENABLE_OLLAMA_API", "OLLAMA_BASE_URLS"),
    ("POST", "/ollama/api/copy"): _COPIED,
    ("POST", "/ollama/api/copy/{url_idx}"): _COPIED,
    ("DELETE", "/ollama/api/delete"): _DELETED,
    ("DELETE", "/ollama/api/delete/{url_idx}"): _DELETED,
    ("POST", "/openai/models/{url_idx}/download"): _managed(
        "model.provider_model.created", lambda done: str(done["data"].model)
    ),
    ("DELETE", "/openai/models/{url_idx}"): _managed("model.provider_model.deleted", lambda done: str(done["model"])),
}
