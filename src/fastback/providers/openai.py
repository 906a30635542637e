"""The OpenAI protocol as its many servers speak it: addresses, headers, payloads."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

from fastback.access.identity import User
from fastback.kit.http.errors import BadRequest, NotBuilt
from fastback.kit.signing import jwt
from fastback.providers import responses
from fastback.providers.connections import Connection
from fastback.providers.request_context import RequestContext, with_own_headers
from fastback.settings import Settings

Payload = dict[str, Any]

ANTHROPIC_VERSION = "2023-06-01"

#: Parameters that Azure's deployments take.
_AZURE = frozenset(
    [
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
    ]
)
#: The first version of Azure's API that knows `stream_options`.
_AZURE_STREAM_OPTIONS = "2024-09-01-preview"
_ENTRA = ("azure_ad", "microsoft_entra_id")
#: Amazon's names of OpenAI's models: `us.openai.gpt-6`.
_BEDROCK = re.compile(r"^(?:[a-z-]+\.)?openai\.")
_NEW = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d\d))")


def is_reasoning(model_id: str) -> bool:
    """Models that name their limit `max_completion_tokens` and their system message `developer`: o1, gpt-5, later."""
    return _NEW.match(_BEDROCK.sub("", model_id.lower())) is not None


def auth_headers(connection: Connection, token: str = "") -> dict[str, str]:
    """The headers that carry the connection's key, or, where it says so, `token`: the caller's own credential.

    Raises:
        NotBuilt: the connection wants a credential that somebody else must issue first.
    """
    kind = connection.options.get("auth_type") or "bearer"
    if kind in _ENTRA:
        raise NotBuilt("Signing in to a model server with Microsoft Entra ID")
    if kind == "system_oauth":
        raise NotBuilt("Signing in to a model server with the user's OAuth token")
    key = connection.key.strip()
    bearer = {"bearer": key, "session": token}.get(kind)
    found = {"authorization": f"Bearer {bearer}"} if bearer else {}
    if connection.is_azure:
        found["api-key"] = key
    return found


def user_headers(user: User, settings: Settings) -> dict[str, str]:
    """Who asks: signed, where there is a secret to sign with, else in plain words; and how they signed in."""
    found = {settings.forward_user_info_header_auth_type: user.auth_type} if user.auth_type else {}
    if settings.forward_user_info_header_jwt_secret:
        now = int(time.time())
        claims = {
            "sub": user.id,
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "iss": "open-webui",
            "iat": now,
            "exp": now + settings.forward_user_info_header_jwt_expires_seconds,
        }
        signed = jwt.encode(claims, settings.forward_user_info_header_jwt_secret, algorithm="HS256")
        return {**found, settings.forward_user_info_header_jwt: signed}
    return {
        **found,
        settings.forward_user_info_header_user_name: quote(user.name.strip(), safe=" "),
        settings.forward_user_info_header_user_id: user.id,
        settings.forward_user_info_header_user_email: user.email.strip(),
        settings.forward_user_info_header_user_role: user.role,
    }


def request_headers(connection: Connection, ctx: RequestContext, settings: Settings) -> dict[str, str]:
    """Headers of a request: the key, what OpenRouter asks for, who asks (where switched on), the connection's own.

    The connection's own headers may name what `RequestContext.variables` lists; other names of that kind stay.

    Raises:
        NotBuilt: as `auth_headers`.
    """
    found = auth_headers(connection, ctx.token)
    if connection.is_anthropic:
        found["anthropic-version"] = ANTHROPIC_VERSION
    if "openrouter.ai" in connection.url:
        found["HTTP-Referer"] = "https://openwebui.com/"
        found["X-Title"] = "Open WebUI"
    if ctx.user is not None and settings.enable_forward_user_info_headers:
        if ctx.auth_type:
            found[settings.forward_user_info_header_auth_type] = ctx.auth_type
        found |= user_headers(ctx.user, settings)
        if ctx.chat_id:
            found[settings.forward_session_info_header_chat_id] = ctx.chat_id
    found = with_own_headers(found, connection.options.get("headers"), ctx)
    if connection.is_azure and not is_azure_v1(connection):
        found["api-version"] = azure_version(connection)
    return found


def anthropic_headers(connection: Connection, headers: dict[str, str]) -> dict[str, str]:
    """The headers for a request in Anthropic's own words: Anthropic itself takes its key under another name."""
    if not connection.is_anthropic or connection.options.get("auth_type") not in (None, "bearer"):
        return headers
    found = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    return {"x-api-key": connection.key, **found}


def is_azure_v1(connection: Connection) -> bool:
    """Whether the address is of Azure's newer API, which needs neither deployments nor versions in addresses."""
    return re.search(r"/openai/v1(?:/|$)", connection.url) is not None


def azure_version(connection: Connection) -> str:
    return str(connection.options.get("api_version") or "2023-03-15-preview")


def _azure_url(connection: Connection, model_id: str, operation: str) -> str:
    if is_azure_v1(connection):
        return f"{connection.url}/{operation}"
    if not model_id or ".." in model_id or "/" in model_id or "\\" in model_id:
        raise BadRequest("Invalid model name: must not be empty or contain path separators or traversal sequences")
    deployment = quote(model_id, safe="")
    return f"{connection.url}/openai/deployments/{deployment}/{operation}?api-version={azure_version(connection)}"


def operation_url(connection: Connection, model_id: str, operation: str) -> str:
    """The address of an operation such as `chat/completions` or `embeddings`.

    Raises:
        BadRequest: the name of the model cannot be part of an address.
    """
    if connection.is_azure:
        return _azure_url(connection, model_id, operation)
    return f"{connection.url}/{operation}"


def chat_url(connection: Connection, model_id: str) -> str:
    return operation_url(connection, model_id, "responses" if connection.speaks_responses else "chat/completions")


def models_url(connection: Connection) -> str:
    if connection.is_azure and not is_azure_v1(connection):
        return f"{connection.url}/openai/models?api-version={azure_version(connection)}"
    return f"{connection.url}/models"


def _limits(found: Payload, connection: Connection, *, reasoning: bool) -> None:
    """Name the limit of the answer as the model knows it."""
    if reasoning:
        if "max_tokens" in found:
            found["max_completion_tokens"] = found.pop("max_tokens")
    elif "api.openai.com" not in connection.url and "max_completion_tokens" in found:
        found["max_tokens"] = found.pop("max_completion_tokens")
    if "max_completion_tokens" in found:
        found.pop("max_tokens", None)


def _plain_tool_message(message: Any) -> Any:
    """A tool's answer without pictures, which chat completions do not take there."""
    if not isinstance(message, dict) or message.get("role") != "tool" or not isinstance(message.get("content"), list):
        return message
    texts = [part.get("text", "") for part in message["content"] if part.get("type") in ("input_text", "text")]
    return {**message, "content": "".join(texts)}


def _continued(found: Payload, connection: Connection) -> None:
    """Tell llama.cpp to go on with the last answer; it would answer it otherwise."""
    messages = found.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if connection.options.get("provider") == "llama.cpp" and isinstance(last, dict) and last.get("role") == "assistant":
        found["continue_final_message"] = True
        found["add_generation_prompt"] = False


def azure_payload(connection: Connection, payload: Payload) -> Payload:
    """The payload with no other fields than Azure's deployments know; that of any other server as it is."""
    if not connection.is_azure or is_azure_v1(connection):
        return payload
    found = dict(payload)
    if is_reasoning(str(found.get("model") or "")):
        _limits(found, connection, reasoning=True)
        if found.get("temperature", 1) != 1:
            del found["temperature"]
    options = azure_version(connection) >= _AZURE_STREAM_OPTIONS
    return {key: one for key, one in found.items() if key in _AZURE or (options and key == "stream_options")}


def prepare_payload(connection: Connection, payload: Payload, *, continues: bool = False) -> Payload:
    """The payload as this connection takes it: names of reasoning models, the fields that Azure knows, another API.

    `continues` says that the last message is an answer to go on with.
    """
    found = dict(payload)
    model_id = str(found.get("model") or "")
    reasoning = is_reasoning(model_id)
    _limits(found, connection, reasoning=reasoning)
    messages = found.get("messages")
    if isinstance(messages, list):
        messages = list(messages) if connection.speaks_responses else [_plain_tool_message(one) for one in messages]
        found["messages"] = messages
        if reasoning and messages and isinstance(messages[0], dict) and messages[0].get("role") == "system":
            role = "user" if model_id.lower().startswith(("o1-mini", "o1-preview")) else "developer"
            messages[0] = {**messages[0], "role": role}
    if not found.get("stream"):
        found.pop("stream_options", None)
    found = azure_payload(connection, found)
    if connection.speaks_responses:
        return responses.to_responses(found)
    if continues:
        _continued(found, connection)
    return found
