"""`/ollama`: requests forwarded to Ollama's servers, in Ollama's own API and in the others that it offers."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.completions.doors.ollama_forms import (
    ChatForm,
    EmbeddingsForm,
    EmbedForm,
    GenerateForm,
    ModelForm,
    OpenAiChatForm,
    OpenAiCompletionForm,
    OpenAiEmbeddingsForm,
)
from fastback.features.connections.forwarding import RequestForwarder
from fastback.features.prompts import prompt_variables, system_messages
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router
from fastback.kit.http.request_body import keep_body
from fastback.kit.json_pieces import decode_body
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.ollama.requests import convert_parameters
from fastback.providers.parameters import build_provider_parameters
from fastback.providers.relay import RelayResponse

router = Router("/ollama", takes_content=True)

Payload = dict[str, Any]


def _check_body(data: Payload, form: type[msgspec.Struct]) -> None:
    """Check that a body has the fields of a form; other fields are passed on.

    Raises:
        BadRequest: a field is missing or has the wrong type.
    """
    try:
        msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None


def _without_nulls(data: Payload) -> Payload:
    return {key: value for key, value in data.items() if value is not None and key != "metadata"}


class _ForwardedRequest(msgspec.Struct):
    """A request whose model the user was admitted to.

    Attributes:
        model: the model that the client named; None where it is unknown, or where its parameters do not count.
        server_name: the name that the server is asked for: the base of a workspace model.
    """

    model: Model | None
    server_name: str

    @property
    def own_params(self) -> Payload:
        return self.model.own_params if self.model is not None else {}


async def _admit(forwarding: RequestForwarder, resolver: ModelResolver, user: User, name: str) -> _ForwardedRequest:
    """Admit the user to a model.

    Raises:
        HttpError: Ollama is switched off, or the user may not use the model.
    """
    forwarding.ollama_connections()
    model = await forwarding.require_model_access(user, name)
    if model is None:
        return _ForwardedRequest(None, name)
    return _ForwardedRequest(model, (await resolver.follow_bases(model)).base_id)


async def _admit_by_name(forwarding: RequestForwarder, user: User, name: str) -> _ForwardedRequest:
    """Admit the user to a model whose name the server is sent as it is.

    Raises:
        HttpError: Ollama is switched off, or the user may not use the model.
    """
    forwarding.ollama_connections()
    await forwarding.require_model_access(user, name)
    return _ForwardedRequest(None, name)


async def _add_system_prompt(messages: list[Payload], params: Payload, user: User, db: Database) -> list[Payload]:
    prompt = params.get("system")
    if not isinstance(prompt, str) or not prompt:
        return messages
    return system_messages.add_system_text(messages, await prompt_variables.resolve_variables(db, prompt, user))


async def _forward(
    forwarding: RequestForwarder,
    forwarded: _ForwardedRequest,
    path: str,
    body: Payload,
    user: User,
    request: Request,
    index: int | None,
    *,
    is_stream: bool,
    content_type: str | None = None,
) -> Any:
    """Send a request to a server that has the model; relay its stream, or return its whole response."""
    connection = await forwarding.choose_ollama_connection(forwarded.server_name, user, index)
    prefix = f"{connection.prefix}." if connection.prefix else ""
    body = {**body, "model": forwarded.server_name.removeprefix(prefix)}
    if not is_stream:
        return await forwarding.fetch_ollama_json(connection, "POST", path, user, request, body)
    response = await forwarding.send_ollama_request(connection, "POST", path, user, request, body)
    return RelayResponse(response, content_type=content_type)


@router.post("/api/chat", "/api/chat/{url_idx}")
async def create_chat(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    db: Database,
    url_idx: int | None = None,
) -> Any:
    """Chat, with the parameters and the system prompt of a workspace model."""
    forwarding.ollama_connections()
    _check_body(data, ChatForm)
    # A message without the field is forwarded: it may hold images or reasoning alone.
    if any(message.get("content", "") is None and not message.get("tool_calls") for message in data["messages"]):
        raise BadRequest("At least one of 'content' or 'tool_calls' must be provided")
    body = _without_nulls(data)
    forwarded = await _admit(forwarding, resolver, user, data["model"])
    params = forwarded.own_params
    if params:
        defaults = convert_parameters(build_provider_parameters(params))
        options = {**defaults.pop("options", {}), **(body.get("options") or {})}
        body |= defaults
        if options:
            body["options"] = options
        body["messages"] = await _add_system_prompt(body["messages"], params, user, db)
    is_stream = data.get("stream", True) is True
    content_type = "application/x-ndjson" if is_stream else None
    return await _forward(
        forwarding,
        forwarded,
        "/api/chat",
        body,
        user,
        request,
        url_idx,
        is_stream=is_stream,
        content_type=content_type,
    )


@router.post("/api/generate", "/api/generate/{url_idx}")
async def generate_text(
    data: GenerateForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    """Continue a prompt."""
    forwarded = await _admit_by_name(forwarding, user, data.model)
    body = {"stream": True, **msgspec.to_builtins(data)}
    return await _forward(forwarding, forwarded, "/api/generate", body, user, request, url_idx, is_stream=True)


@router.post("/api/embed", "/api/embed/{url_idx}")
@keep_body
async def embed_texts(
    data: EmbedForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    """Embed one text or several."""
    forwarded = await _admit_by_name(forwarding, user, data.model)
    body = _without_nulls(await decode_body(await request.body()))
    return await _forward(forwarding, forwarded, "/api/embed", body, user, request, url_idx, is_stream=False)


@router.post("/api/embeddings", "/api/embeddings/{url_idx}")
async def embed_prompt(
    data: EmbeddingsForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    """Embed one text, by Ollama's older operation."""
    forwarded = await _admit_by_name(forwarding, user, data.model)
    body = msgspec.to_builtins(data)
    return await _forward(forwarding, forwarded, "/api/embeddings", body, user, request, url_idx, is_stream=False)


@router.post("/v1/chat/completions", "/v1/chat/completions/{url_idx}")
async def create_openai_chat_completion(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    db: Database,
    url_idx: int | None = None,
) -> Any:
    """Chat in OpenAI's API, with the parameters and the system prompt of a workspace model."""
    _check_body(data, OpenAiChatForm)
    forwarded = await _admit(forwarding, resolver, user, data["model"])
    params = forwarded.own_params
    body = {**build_provider_parameters(params), **_without_nulls(data)}
    body["messages"] = await _add_system_prompt(body["messages"], params, user, db)
    is_stream = bool(body.get("stream"))
    path = "/v1/chat/completions"
    return await _forward(forwarding, forwarded, path, body, user, request, url_idx, is_stream=is_stream)


@router.post("/v1/completions", "/v1/completions/{url_idx}")
async def create_openai_completion(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    url_idx: int | None = None,
) -> Any:
    """Continue a prompt in OpenAI's API, with the parameters of a workspace model."""
    _check_body(data, OpenAiCompletionForm)
    forwarded = await _admit(forwarding, resolver, user, data["model"])
    body = {**build_provider_parameters(forwarded.own_params), **_without_nulls(data)}
    is_stream = bool(body.get("stream"))
    return await _forward(forwarding, forwarded, "/v1/completions", body, user, request, url_idx, is_stream=is_stream)


@router.post("/v1/embeddings", "/v1/embeddings/{url_idx}")
async def create_openai_embeddings(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    url_idx: int | None = None,
) -> Any:
    """Embed texts in OpenAI's API."""
    _check_body(data, OpenAiEmbeddingsForm)
    forwarded = await _admit(forwarding, resolver, user, data["model"])
    body = _without_nulls(data)
    return await _forward(forwarding, forwarded, "/v1/embeddings", body, user, request, url_idx, is_stream=False)


@router.post("/v1/messages", "/v1/messages/{url_idx}")
async def create_anthropic_message(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    url_idx: int | None = None,
) -> Any:
    """Chat in Anthropic's API; the body is forwarded unchanged but for the model."""
    name = data.get("model")
    forwarded = await _admit(forwarding, resolver, user, name if isinstance(name, str) else "")
    return await _forward_unchanged(forwarding, forwarded, "/v1/messages", data, user, request, url_idx)


@router.post("/v1/responses", "/v1/responses/{url_idx}")
async def create_openai_response(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    resolver: ModelResolver,
    url_idx: int | None = None,
) -> Any:
    """Chat in OpenAI's Responses API; the body is forwarded unchanged but for the model."""
    _check_body(data, ModelForm)
    forwarded = await _admit(forwarding, resolver, user, data["model"])
    return await _forward_unchanged(forwarding, forwarded, "/v1/responses", data, user, request, url_idx)


async def _forward_unchanged(
    forwarding: RequestForwarder,
    forwarded: _ForwardedRequest,
    path: str,
    data: Payload,
    user: User,
    request: Request,
    index: int | None,
) -> Any:
    is_stream = bool(data.get("stream"))
    content_type = "text/event-stream" if is_stream else None
    return await _forward(
        forwarding, forwarded, path, data, user, request, index, is_stream=is_stream, content_type=content_type
    )
