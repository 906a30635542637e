"""The OpenAI protocol as its many servers speak it: addresses, headers, payloads."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

from fastback.access.identity import User
from fastback.kit.http.errors import BadRequest, NotBuilt
from fastback.kit.signing import jwt
from fastback.providers.connections import Connection
from fastback.providers.parameters import parse_logit_bias
from fastback.providers.request_context import RequestContext, add_connection_headers
from fastback.providers.responses_api.requests import to_responses
from fastback.settings import Settings

Payload = dict[str, Any]

ANTHROPIC_VERSION = "2023-06-01"

#: Parameters that Azure's deployments take.
_AZURE_PARAMETERS = frozenset(
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
_AZURE_STREAM_OPTIONS_VERSION = "2024-09-01-preview"
#: Values of `auth_type` for Microsoft Entra ID.
_ENTRA_TYPES = ("azure_ad", "microsoft_entra_id")
#: Types of the parts of a tool's result that chat completions take.
_TEXT_TYPES = ("input_text", "text")
#: The prefix of OpenAI's models at Amazon Bedrock: `us.openai.gpt-6`.
_BEDROCK_PREFIX = re.compile(r"^(?:[a-z-]+\.)?openai\.")
_REASONING_NAME = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d\d))")
_AZURE_V1_PATH = re.compile(r"/openai/v1(?:/|$)")


def is_reasoning(model_id: str) -> bool:
    """Return whether a model takes `max_completion_tokens` and a `developer` message: o1, gpt-5 and later ones."""
    return _REASONING_NAME.match(_BEDROCK_PREFIX.sub("", model_id.lower())) is not None


def build_auth_headers(connection: Connection, ctx: RequestContext) -> dict[str, str]:
    """Return the headers with the connection's key, or with a token of the user where its `auth_type` says so.

    Raises:
        NotBuilt: the connection needs a credential that a third party issues.
    """
    kind = connection.options.get("auth_type") or "bearer"
    if kind in _ENTRA_TYPES:
        raise NotBuilt("Signing in to a model server with Microsoft Entra ID")
    key = connection.key.strip()
    bearer = {"bearer": key, "session": ctx.token, "system_oauth": ctx.oauth_token}.get(kind)
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    if connection.is_azure:
        headers["api-key"] = key
    return headers


def make_user_headers(user: User, settings: Settings) -> dict[str, str]:
    """Return the headers that name the user, and how they signed in: as a signed token where a secret is set."""
    headers = {settings.forward_user_info_header_auth_type: user.auth_type} if user.auth_type else {}
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
        return {**headers, settings.forward_user_info_header_jwt: signed}
    return {
        **headers,
        settings.forward_user_info_header_user_name: quote(user.name.strip(), safe=" "),
        settings.forward_user_info_header_user_id: user.id,
        settings.forward_user_info_header_user_email: user.email.strip(),
        settings.forward_user_info_header_user_role: user.role,
    }


def build_request_headers(connection: Connection, ctx: RequestContext, settings: Settings) -> dict[str, str]:
    """Return the headers of a request: key, OpenRouter's, the user (where switched on), and the connection's own.

    The connection's own headers may use the variables of `RequestContext.variables`; unknown ones stay as they are.

    Raises:
        NotBuilt: as `build_auth_headers`.
    """
    headers = build_auth_headers(connection, ctx)
    if connection.is_anthropic:
        headers["anthropic-version"] = ANTHROPIC_VERSION
    if "openrouter.ai" in connection.url:
        headers["HTTP-Referer"] = "https://openwebui.com/"
        headers["X-Title"] = "Open WebUI"
    if ctx.user is not None and settings.enable_forward_user_info_headers:
        if ctx.auth_type:
            headers[settings.forward_user_info_header_auth_type] = ctx.auth_type
        headers |= make_user_headers(ctx.user, settings)
        if ctx.chat_id:
            headers[settings.forward_session_info_header_chat_id] = ctx.chat_id
    headers = add_connection_headers(headers, connection.options.get("headers"), ctx)
    if connection.is_azure and not is_azure_v1(connection):
        headers["api-version"] = get_azure_version(connection)
    return headers


def build_anthropic_headers(connection: Connection, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers for a request in Anthropic's own form: Anthropic itself takes its key in another header."""
    if not connection.is_anthropic or connection.options.get("auth_type") not in (None, "bearer"):
        return headers
    other_headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    return {"x-api-key": connection.key, **other_headers}


def is_azure_v1(connection: Connection) -> bool:
    """Return whether the address is of Azure's newer API, which has neither deployments nor versions in addresses."""
    return _AZURE_V1_PATH.search(connection.url) is not None


def get_azure_version(connection: Connection) -> str:
    """Return the version of Azure's API that the connection uses."""
    return str(connection.options.get("api_version") or "2023-03-15-preview")


def _build_azure_url(connection: Connection, model_id: str, operation: str) -> str:
    if is_azure_v1(connection):
        return f"{connection.url}/{operation}"
    if not model_id or ".." in model_id or "/" in model_id or "\\" in model_id:
        raise BadRequest("Invalid model name: must not be empty or contain path separators or traversal sequences")
    deployment = quote(model_id, safe="")
    return f"{connection.url}/openai/deployments/{deployment}/{operation}?api-version={get_azure_version(connection)}"


def build_operation_url(connection: Connection, model_id: str, operation: str) -> str:
    """Return the address of an operation such as `chat/completions` or `embeddings`.

    Raises:
        BadRequest: Azure's address would contain the model's name, and the name cannot be part of an address.
    """
    if connection.is_azure:
        return _build_azure_url(connection, model_id, operation)
    return f"{connection.url}/{operation}"


def build_chat_url(connection: Connection, model_id: str) -> str:
    """Return the address that chat completions are sent to.

    Raises:
        BadRequest: as `build_operation_url`.
    """
    return build_operation_url(
        connection, model_id, "responses" if connection.uses_responses_api else "chat/completions"
    )


def build_models_url(connection: Connection) -> str:
    """Return the address of the list of models."""
    if connection.is_azure and not is_azure_v1(connection):
        return f"{connection.url}/openai/models?api-version={get_azure_version(connection)}"
    return f"{connection.url}/models"


def _rename_token_limit(payload: Payload, connection: Connection, *, is_reasoning_model: bool) -> None:
    """Give the limit of the answer's tokens the name that the model knows, in place."""
    if is_reasoning_model:
        if "max_tokens" in payload:
            payload["max_completion_tokens"] = payload.pop("max_tokens")
    elif "api.openai.com" not in connection.url and "max_completion_tokens" in payload:
        payload["max_tokens"] = payload.pop("max_completion_tokens")
    if "max_completion_tokens" in payload:
        payload.pop("max_tokens", None)


def _simplify_tool_message(message: Any) -> Any:
    """Return a tool's result with its text alone: chat completions take no images there."""
    if not isinstance(message, dict) or message.get("role") != "tool" or not isinstance(message.get("content"), list):
        return message
    parts = [part for part in message["content"] if isinstance(part, dict) and part.get("type") in _TEXT_TYPES]
    return {**message, "content": "".join(str(part.get("text") or "") for part in parts)}


def _request_continuation(payload: Payload, connection: Connection) -> None:
    """Have llama.cpp continue the last answer, in place; otherwise it would answer that answer."""
    messages = payload.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if connection.options.get("provider") == "llama.cpp" and isinstance(last, dict) and last.get("role") == "assistant":
        payload["continue_final_message"] = True
        payload["add_generation_prompt"] = False


def select_azure_fields(connection: Connection, payload: Payload) -> Payload:
    """Return the payload with the fields that Azure's deployments know; for any other server unchanged."""
    if not connection.is_azure or is_azure_v1(connection):
        return payload
    prepared = dict(payload)
    if is_reasoning(str(prepared.get("model") or "")):
        _rename_token_limit(prepared, connection, is_reasoning_model=True)
        if prepared.get("temperature", 1) != 1:
            del prepared["temperature"]
    has_stream_options = get_azure_version(connection) >= _AZURE_STREAM_OPTIONS_VERSION
    return {
        key: value
        for key, value in prepared.items()
        if key in _AZURE_PARAMETERS or (has_stream_options and key == "stream_options")
    }


def describe_user(user: User) -> dict[str, str]:
    """Return the field `user` of a request to a pipeline, which wants to know who asks."""
    return {"name": user.name, "id": user.id, "email": user.email, "role": user.role}


def prepare_payload(connection: Connection, payload: Payload, *, continues: bool = False) -> Payload:
    """Return the payload in the form that the connection takes: names of reasoning models, Azure's fields, its API.

    `continues` says that the last message is an answer to continue.

    Raises:
        BadRequest: a field has another form than the server's API gives it.
    """
    prepared = dict(payload)
    if isinstance(prepared.get("logit_bias"), str):
        prepared["logit_bias"] = parse_logit_bias(prepared["logit_bias"])
    model_id = str(prepared.get("model") or "")
    is_reasoning_model = is_reasoning(model_id)
    _rename_token_limit(prepared, connection, is_reasoning_model=is_reasoning_model)
    messages = prepared.get("messages")
    if isinstance(messages, list):
        if connection.uses_responses_api:
            messages = list(messages)
        else:
            messages = [_simplify_tool_message(message) for message in messages]
        prepared["messages"] = messages
        if is_reasoning_model and messages and isinstance(messages[0], dict) and messages[0].get("role") == "system":
            role = "user" if model_id.lower().startswith(("o1-mini", "o1-preview")) else "developer"
            messages[0] = {**messages[0], "role": role}
    if not prepared.get("stream"):
        prepared.pop("stream_options", None)
    prepared = select_azure_fields(connection, prepared)
    if connection.uses_responses_api:
        return to_responses(prepared)
    if continues:
        _request_continuation(prepared, connection)
    return prepared
