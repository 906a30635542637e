"""The OpenAI protocol as its many servers speak it: addresses, headers, payloads."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from fastback.access.identity import User
from fastback.providers.connections import Connection
from fastback.settings import Settings

Payload = dict[str, Any]

#: Parameters that Azure's deployments take.
_AZURE = frozenset(
    [
        "model",
        "messages",
        "temperature",
        "role",
        "content",
        "contentPart",
        "contentPartImage",
        "enhancements",
        "dataSources",
        "n",
        "stream",
        "stop",
        "max_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "user",
        "function_call",
        "functions",
        "tools",
        "tool_choice",
        "top_p",
        "log_probs",
        "top_logprobs",
        "response_format",
        "seed",
        "max_completion_tokens",
        "reasoning_effort",
        "stream_options",
    ]
)


def _is_reasoning(model_id: str) -> bool:
    """Models that call their limit `max_completion_tokens` and their system message `developer`."""
    name = model_id.rsplit("/", 1)[-1].lower()
    return name.startswith(("o1", "o3", "o4", "gpt-5"))


def auth_headers(connection: Connection) -> dict[str, str]:
    """The header that carries the connection's key."""
    kind = connection.options.get("auth_type") or "bearer"
    if not connection.key or kind == "none":
        return {}
    if connection.is_azure and kind not in ("azure_ad", "microsoft_entra_id"):
        return {"api-key": connection.key}
    return {"authorization": f"Bearer {connection.key}"}


def request_headers(
    connection: Connection,
    user: User | None,
    settings: Settings,
    *,
    chat_id: str | None = None,
    message_id: str | None = None,
) -> dict[str, str]:
    """Headers of a request: the key, what OpenRouter asks for, who asks (where switched on), the connection's own.

    The connection's own headers may name `{{USER_ID}}`, `{{USER_NAME}}`, `{{USER_EMAIL}}`, `{{USER_ROLE}}` and
    `{{CHAT_ID}}`.
    """
    found = auth_headers(connection)
    if "openrouter.ai" in connection.url:
        found["HTTP-Referer"] = "https://openwebui.com/"
        found["X-Title"] = "Open WebUI"
    if user is not None and settings.enable_forward_user_info_headers:
        found[settings.forward_user_info_header_user_name] = quote(user.name, safe=" ")
        found[settings.forward_user_info_header_user_id] = user.id
        found[settings.forward_user_info_header_user_email] = user.email
        found[settings.forward_user_info_header_user_role] = user.role
        if chat_id:
            found[settings.forward_session_info_header_chat_id] = chat_id
        if message_id:
            found[settings.forward_session_info_header_message_id] = message_id
    own = connection.options.get("headers")
    if isinstance(own, dict):
        known = {
            "{{USER_ID}}": user.id if user else "",
            "{{USER_NAME}}": quote(user.name, safe=" ") if user else "",
            "{{USER_EMAIL}}": user.email if user else "",
            "{{USER_ROLE}}": user.role if user else "",
            "{{CHAT_ID}}": chat_id or "",
        }
        for name, value in own.items():
            text = str(value)
            for variable, stands_for in known.items():
                text = text.replace(variable, stands_for)
            found[str(name)] = text
    return found


def _azure_url(connection: Connection, model_id: str, operation: str) -> str:
    version = connection.options.get("api_version") or "2023-03-15-preview"
    base = connection.url
    if urlsplit(base).path.rstrip("/").endswith("/openai/v1"):
        return f"{base}/{operation}"
    return f"{base}/openai/deployments/{quote(model_id, safe='')}/{operation}?api-version={version}"


def operation_url(connection: Connection, model_id: str, operation: str) -> str:
    """The address of an operation such as `chat/completions` or `embeddings`."""
    if connection.is_azure:
        return _azure_url(connection, model_id, operation)
    return f"{connection.url}/{operation}"


def chat_url(connection: Connection, model_id: str) -> str:
    return operation_url(connection, model_id, "chat/completions")


def models_url(connection: Connection) -> str:
    return f"{connection.url}/models"


def prepare_payload(connection: Connection, payload: Payload) -> Payload:
    """The payload as this connection takes it: names of reasoning models, the fields that Azure knows."""
    found = dict(payload)
    model_id = str(found.get("model") or "")
    if _is_reasoning(model_id) and ("api.openai.com" in connection.url or connection.is_azure):
        if "max_tokens" in found:
            found["max_completion_tokens"] = found.pop("max_tokens")
        messages = found.get("messages")
        if isinstance(messages, list) and messages and messages[0].get("role") == "system":
            role = "user" if model_id.lower().startswith(("o1-mini", "o1-preview")) else "developer"
            found["messages"] = [{**messages[0], "role": role}, *messages[1:]]
    if connection.is_azure:
        found = {key: value for key, value in found.items() if key in _AZURE}
    return found
