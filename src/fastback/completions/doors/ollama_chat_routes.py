"""`/ollama`: questions passed on to Ollama's servers, in Ollama's words and in those of others it understands."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.connections.forwarding import RequestForwarder
from fastback.features.prompts import prompt_variables
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router
from fastback.providers import ollama, parameters
from fastback.providers.registry import Model
from fastback.providers.relay import RelayResponse

router = Router("/ollama")

Payload = dict[str, Any]

_Text = str | None
_KeepAlive = int | str | None


class EmbedForm(msgspec.Struct):
    model: str
    input: list[str] | str


class EmbeddingsForm(msgspec.Struct, omit_defaults=True):
    model: str
    prompt: str
    options: Payload | None = None
    keep_alive: _KeepAlive = None


class GenerateForm(msgspec.Struct, omit_defaults=True):
    model: str
    prompt: _Text = None
    suffix: _Text = None
    images: list[str] | None = None
    format: Payload | str | None = None
    options: Payload | None = None
    system: _Text = None
    template: _Text = None
    context: list[int] | None = None
    stream: bool | None = None
    raw: bool | None = None
    keep_alive: _KeepAlive = None


class _ChatMessage(msgspec.Struct):
    role: str
    content: str | None = None
    tool_calls: list[Payload] | None = None


class _ChatForm(msgspec.Struct):
    model: str
    messages: list[_ChatMessage]
    options: Payload | None = None
    stream: bool | None = True


class _OpenAiMessage(msgspec.Struct):
    role: str
    content: str | list[Payload] | None


class _OpenAiChatForm(msgspec.Struct):
    model: str
    messages: list[_OpenAiMessage]


class _CompletionForm(msgspec.Struct):
    model: str
    prompt: str


class _ModelForm(msgspec.Struct):
    model: Annotated[str, msgspec.Meta(min_length=1)]


class _EmbeddingsForm(_ModelForm):
    input: Any


def _check(data: Payload, kind: type[msgspec.Struct]) -> None:
    """Raises: BadRequest, for a body of another shape."""
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None


def _without_nulls(data: Payload) -> Payload:
    return {key: value for key, value in data.items() if value is not None and key != "metadata"}


class _Asked(msgspec.Struct):
    """A question on its way."""

    #: What the client named, if anybody knows it.
    model: Model | None
    #: The model a server is asked for: the base of a workspace model.
    name: str


async def _ask(forwarding: RequestForwarder, user: User, name: str) -> _Asked:
    """Raises: HttpError, where Ollama is switched off or the user may not use the model."""
    forwarding.ollama_connections()
    model = await forwarding.require_model_access(user, name)
    found = model
    seen = {name}
    while found is not None and found.base_model_id and found.base_model_id not in seen:
        name = found.base_model_id
        seen.add(name)
        found = await forwarding.registry.find(name)
    return _Asked(model, name)


def _own_params(model: Model | None) -> Payload:
    return dict(model.info.params or {}) if model is not None and model.info is not None else {}


async def _with_system(messages: list[Payload], own: Payload, user: User, db: Database) -> list[Payload]:
    text = own.get("system")
    if not isinstance(text, str) or not text:
        return messages
    return prompt_variables.add_system_text(messages, await prompt_variables.resolve_variables(db, text, user))


async def _relay(
    forwarding: RequestForwarder,
    asked: _Asked,
    path: str,
    body: Payload,
    user: User,
    request: Request,
    index: int | None,
    *,
    streams: bool,
    content_type: str | None = None,
) -> Any:
    """Ask a server that has the model, and pass on its stream, or its one answer."""
    connection = await forwarding.choose_ollama_connection(asked.name, user, index)
    prefix = f"{connection.prefix}." if connection.prefix else ""
    body = {**body, "model": asked.name.removeprefix(prefix)}
    if not streams:
        return await forwarding.fetch_ollama_json(connection, "POST", path, user, request, body)
    response = await forwarding.send_ollama_request(connection, "POST", path, user, request, body)
    return RelayResponse(response, content_type=content_type)


@router.post("/api/chat", "/api/chat/{url_idx}")
async def chat(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    db: Database,
    url_idx: int | None = None,
) -> Any:
    forwarding.ollama_connections()
    _check(data, _ChatForm)
    if any(one.get("content") is None and not one.get("tool_calls") for one in data["messages"]):
        raise BadRequest("At least one of 'content' or 'tool_calls' must be provided")
    body = _without_nulls(data)
    asked = await _ask(forwarding, user, data["model"])
    own = _own_params(asked.model)
    if own:
        more = ollama.to_ollama(parameters.for_provider(own))
        for name in ("format", "keep_alive", "think"):
            if name in more:
                body[name] = more[name]
        options = {**more.get("options", {}), **(body.get("options") or {})}
        if options:
            body["options"] = options
        body["messages"] = await _with_system(body["messages"], own, user, db)
    streams = data.get("stream", True) is True
    kind = "application/x-ndjson" if streams else None
    return await _relay(
        forwarding, asked, "/api/chat", body, user, request, url_idx, streams=streams, content_type=kind
    )


@router.post("/api/generate", "/api/generate/{url_idx}")
async def generate(
    data: GenerateForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    forwarding.ollama_connections()
    await forwarding.require_model_access(user, data.model)
    asked = _Asked(None, data.model)
    body = {"stream": True, **msgspec.to_builtins(data)}
    return await _relay(forwarding, asked, "/api/generate", body, user, request, url_idx, streams=True)


@router.post("/api/embed", "/api/embed/{url_idx}")
async def embed(
    data: EmbedForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    forwarding.ollama_connections()
    await forwarding.require_model_access(user, data.model)
    body = _without_nulls(msgspec.json.decode(await request.body()))
    asked = _Asked(None, data.model)
    return await _relay(forwarding, asked, "/api/embed", body, user, request, url_idx, streams=False)


@router.post("/api/embeddings", "/api/embeddings/{url_idx}")
async def embed_one(
    data: EmbeddingsForm, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    forwarding.ollama_connections()
    await forwarding.require_model_access(user, data.model)
    asked = _Asked(None, data.model)
    body = msgspec.to_builtins(data)
    return await _relay(forwarding, asked, "/api/embeddings", body, user, request, url_idx, streams=False)


@router.post("/v1/chat/completions", "/v1/chat/completions/{url_idx}")
async def openai_chat(
    data: Payload,
    request: Request,
    user: VerifiedUser,
    forwarding: RequestForwarder,
    db: Database,
    url_idx: int | None = None,
) -> Any:
    _check(data, _OpenAiChatForm)
    asked = await _ask(forwarding, user, data["model"])
    own = _own_params(asked.model)
    body = {**parameters.for_provider(own), **_without_nulls(data)}
    body["messages"] = await _with_system(body["messages"], own, user, db)
    streams = bool(body.get("stream"))
    return await _relay(forwarding, asked, "/v1/chat/completions", body, user, request, url_idx, streams=streams)


@router.post("/v1/completions", "/v1/completions/{url_idx}")
async def openai_completion(
    data: Payload, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    _check(data, _CompletionForm)
    asked = await _ask(forwarding, user, data["model"])
    body = {**parameters.for_provider(_own_params(asked.model)), **_without_nulls(data)}
    streams = bool(body.get("stream"))
    return await _relay(forwarding, asked, "/v1/completions", body, user, request, url_idx, streams=streams)


@router.post("/v1/embeddings", "/v1/embeddings/{url_idx}")
async def openai_embeddings(
    data: Payload, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    _check(data, _EmbeddingsForm)
    asked = await _ask(forwarding, user, data["model"])
    body = _without_nulls(data)
    return await _relay(forwarding, asked, "/v1/embeddings", body, user, request, url_idx, streams=False)


@router.post("/v1/messages", "/v1/messages/{url_idx}")
async def anthropic_messages(
    data: Payload, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    """Anthropic's words."""
    return await _as_it_is("/v1/messages", data, request, user, forwarding, url_idx)


@router.post("/v1/responses", "/v1/responses/{url_idx}")
async def openai_responses(
    data: Payload, request: Request, user: VerifiedUser, forwarding: RequestForwarder, url_idx: int | None = None
) -> Any:
    _check(data, _ModelForm)
    return await _as_it_is("/v1/responses", data, request, user, forwarding, url_idx)


async def _as_it_is(
    path: str, data: Payload, request: Request, user: User, forwarding: RequestForwarder, index: int | None
) -> Response | Any:
    name = data.get("model")
    asked = await _ask(forwarding, user, name if isinstance(name, str) else "")
    streams = bool(data.get("stream"))
    kind = "text/event-stream" if streams else None
    return await _relay(forwarding, asked, path, data, user, request, index, streams=streams, content_type=kind)
