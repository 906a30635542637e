"""Events of the configuration and of the connections to model servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.config.keys.connections import TERMINAL_SERVER_CONNECTIONS, TOOL_SERVER_CONNECTIONS
from fastback.config.keys.interface import UI_BANNERS, UI_PROMPT_SUGGESTIONS, UI_VISIBILITY
from fastback.features.connections.forwarding import RequestForwarder
from fastback.features.connections.management_routes import get_server_root
from fastback.features.webhooks.emission import EventRule, EventRules, Operation, get_field

_CONFIGS = "/api/v1/configs"
_PROVIDER = "model.provider_config"


def _build_config_rule(
    event: str, subject: str, data: Callable[[Operation], dict[str, Any]], kind: str | None = "config"
) -> EventRule:
    return EventRule((event,), lambda operation: operation.create_event(event, subject, kind, **data(operation)))


def _count_sent(field: str) -> Callable[[Operation], dict[str, Any]]:
    """Return a function that counts the items of a field of the body."""
    return lambda operation: {"count": len(getattr(operation.body, field) or ())}


def _copy_fields(**fields: str) -> Callable[[Operation], dict[str, Any]]:
    """Return a function that copies fields of the response, `event field="response field"`."""
    return lambda operation: {name: operation.get_field(field) for name, field in fields.items()}


def _describe_tool_servers(operation: Operation) -> dict[str, Any]:
    connections = operation.body.TOOL_SERVER_CONNECTIONS
    return {
        "count": len(connections),
        "types": [get_field(connection, "type") or "openapi" for connection in connections],
    }


def _describe_default_models(operation: Operation) -> dict[str, Any]:
    copy_fields = _copy_fields(default_models="DEFAULT_MODELS", default_pinned_models="DEFAULT_PINNED_MODELS")
    return {**copy_fields(operation), "model_order_count": len(operation.get_field("MODEL_ORDER_LIST") or ())}


def _build_provider_rule(name: str, enabled: str, urls: str) -> EventRule:
    return _build_config_rule(
        "model.provider_config.updated",
        name,
        lambda operation: {
            "provider": name,
            "enabled": getattr(operation.body, enabled),
            "base_url_count": len(getattr(operation.body, urls)),
        },
        _PROVIDER,
    )


def _build_server_model_rule(event: str, get_model: Callable[[Operation], str]) -> EventRule:
    """Return the rule for a model of a server that loads models on demand.

    The event names the model without the prefix of its connection.
    """

    def create_event(operation: Operation) -> ActivityEvent:
        index = operation.parameters["url_idx"]
        connection = operation.services.get(RequestForwarder).openai_connections()[index]
        name = get_model(operation)
        return operation.create_event(
            event,
            name.removeprefix(f"{connection.prefix}.") if connection.prefix else name,
            provider=str(connection.options.get("provider") or ""),
            url_idx=index,
            base_url=get_server_root(connection),
        )

    return EventRule((event,), create_event)


_OLLAMA_MODEL_COPIED = EventRule(
    ("model.provider_model.created",),
    lambda operation: operation.create_event(
        "model.provider_model.created",
        operation.body.destination,
        provider="ollama",
        source=operation.body.source,
        url_idx=operation.parameters["url_idx"],
    ),
)
_OLLAMA_MODEL_DELETED = EventRule(
    ("model.provider_model.deleted",),
    lambda operation: operation.create_event(
        "model.provider_model.deleted",
        operation.body.get("model") or operation.body.get("name"),
        provider="ollama",
        url_idx=operation.parameters["url_idx"],
    ),
)


def _build_image_rule(event: str) -> EventRule:
    """Return a rule about generated or edited images; the data are fields of the form, and the begin of its prompt."""

    def create_event(operation: Operation) -> ActivityEvent:
        form = operation.body
        data = {"model": form.model, "size": form.size, "n": form.n, "prompt_preview": form.prompt[:300]}
        return operation.create_event(event, None, "image", **data)

    return EventRule((event,), create_event)


RULES: EventRules = {
    ("POST", f"{_CONFIGS}/import"): _build_config_rule(
        "config.imported", "import", lambda operation: {"keys": list(operation.body.config)}, None
    ),
    ("POST", f"{_CONFIGS}/interface/visibility"): _build_config_rule(
        "config.updated", "interface", lambda operation: {"keys": [UI_VISIBILITY]}
    ),
    ("POST", f"{_CONFIGS}/connections"): _build_config_rule(
        "config.connections.updated", "connections", lambda operation: dict(operation.response)
    ),
    ("POST", f"{_CONFIGS}/tool_servers"): _build_config_rule(
        "config.tool_servers.updated", TOOL_SERVER_CONNECTIONS, _describe_tool_servers
    ),
    ("POST", f"{_CONFIGS}/terminal_servers"): _build_config_rule(
        "config.terminal_servers.updated", TERMINAL_SERVER_CONNECTIONS, _count_sent("TERMINAL_SERVER_CONNECTIONS")
    ),
    ("POST", f"{_CONFIGS}/code_execution"): _build_config_rule(
        "config.code_execution.updated",
        "code_execution",
        _copy_fields(
            code_execution_enabled="ENABLE_CODE_EXECUTION",
            code_execution_engine="CODE_EXECUTION_ENGINE",
            code_interpreter_enabled="ENABLE_CODE_INTERPRETER",
            code_interpreter_engine="CODE_INTERPRETER_ENGINE",
        ),
    ),
    ("POST", f"{_CONFIGS}/models"): _build_config_rule("config.models.updated", "models", _describe_default_models),
    ("POST", f"{_CONFIGS}/subagents"): _build_config_rule(
        "config.updated", "subagents", _copy_fields(enabled="ENABLE_SUBAGENTS")
    ),
    ("POST", f"{_CONFIGS}/suggestions"): _build_config_rule(
        "config.suggestions.updated", UI_PROMPT_SUGGESTIONS, _count_sent("suggestions")
    ),
    ("POST", f"{_CONFIGS}/banners"): _build_config_rule("config.banners.updated", UI_BANNERS, _count_sent("banners")),
    ("POST", "/api/v1/audio/config/update"): _build_config_rule(
        "config.updated",
        "audio",
        lambda operation: {"tts_engine": operation.body.tts.ENGINE, "stt_engine": operation.body.stt.ENGINE},
    ),
    ("POST", "/api/v1/images/config/update"): _build_config_rule(
        "config.updated",
        "images",
        _copy_fields(
            image_generation_enabled="ENABLE_IMAGE_GENERATION",
            image_edit_enabled="ENABLE_IMAGE_EDIT",
            image_generation_engine="IMAGE_GENERATION_ENGINE",
            image_edit_engine="IMAGE_EDIT_ENGINE",
        ),
    ),
    ("POST", "/api/v1/images/generations"): _build_image_rule("image.generated"),
    ("POST", "/api/v1/images/edit"): _build_image_rule("image.edited"),
    ("POST", "/openai/config/update"): _build_provider_rule("openai", "ENABLE_OPENAI_API", "OPENAI_API_BASE_URLS"),
    ("POST", "/ollama/config/update"): _build_provider_rule("ollama", "ENABLE_OLLAMA_API", "OLLAMA_BASE_URLS"),
    ("POST", "/ollama/api/copy"): _OLLAMA_MODEL_COPIED,
    ("POST", "/ollama/api/copy/{url_idx}"): _OLLAMA_MODEL_COPIED,
    ("DELETE", "/ollama/api/delete"): _OLLAMA_MODEL_DELETED,
    ("DELETE", "/ollama/api/delete/{url_idx}"): _OLLAMA_MODEL_DELETED,
    ("POST", "/openai/models/{url_idx}/download"): _build_server_model_rule(
        "model.provider_model.created", lambda operation: str(operation.body.model)
    ),
    ("DELETE", "/openai/models/{url_idx}"): _build_server_model_rule(
        "model.provider_model.deleted", lambda operation: str(operation.parameters["model"])
    ),
}
