"""The client of model servers: from a model and a payload to the server's response, whatever protocol it speaks."""

from __future__ import annotations

from typing import Any

import aiohttp

from fastback import messages
from fastback.kit.bus import Bus
from fastback.kit.http.errors import HttpError, NotFound
from fastback.providers import openai
from fastback.providers.completion import Completion
from fastback.providers.connections import Connection
from fastback.providers.gateway import ServerGateway
from fastback.providers.large_completions import CompletionParser
from fastback.providers.model import Model
from fastback.providers.model_sources import CompletionSource
from fastback.providers.ollama.requests import to_ollama
from fastback.providers.refusal_events import build_refusal_event
from fastback.providers.request_context import RequestContext
from fastback.providers.response_body import MAX_ERROR_BYTES, read_beginning
from fastback.providers.upstream import CompletionResponse, ProviderRefusal, UpstreamResponse
from fastback.settings import Settings

Payload = dict[str, Any]

#: Headers of a refusal that are passed on.
_RETRY_HEADERS = ("retry-after", "retry-after-ms")


class ModelClient:
    """Send payloads to the connection behind a model, or to the plugin that answers for it."""

    def __init__(self, *, gateway: ServerGateway, settings: Settings, bus: Bus, parser: CompletionParser) -> None:
        self._gateway = gateway
        self._settings = settings
        self._bus = bus
        self._parser = parser
        self._source: CompletionSource | None = None

    def connect_source(self, source: CompletionSource) -> None:
        """Have this source answer for models of plugins."""
        self._source = source

    async def open_completion(self, model: Model, payload: Payload, ctx: RequestContext) -> CompletionResponse:
        """Send a chat completion, and return the response once its head is there.

        Raises:
            ProviderRefusal: the server refused.
            HttpError: the server cannot be reached, cannot be signed in to, or (Ollama) refused.
        """
        if model.is_plugin and self._source is not None:
            return await self._source.open_completion(model, payload, ctx)
        connection = _require_connection(model)
        payload = {**payload, "model": model.upstream_id}
        if connection.kind == "ollama":
            protocol, url = "ollama", f"{connection.url}/api/chat"
            payload = to_ollama(payload)
        else:
            protocol = "responses" if connection.uses_responses_api else "openai"
            url = openai.build_chat_url(connection, model.upstream_id)
            if model.entry.get("pipeline"):
                payload["user"] = openai.describe_user(ctx.requester)
            payload = openai.prepare_payload(connection, payload, continues=ctx.continues)
        response = await self._post(model, connection, url, payload, ctx)
        if response.status >= 400:
            raise await self._read_refusal(response, protocol, url, model, ctx)
        return UpstreamResponse(
            response,
            protocol=protocol,
            model_id=model.id,
            parser=self._parser,
            max_line_bytes=self._settings.chat_stream_response_chunk_max_buffer_size,
        )

    async def post_native(self, model: Model, path: str, body: Payload, ctx: RequestContext) -> aiohttp.ClientResponse:
        """Send a request in Anthropic's own form to a server that supports it, and return the response's head.

        Raises:
            ProviderRefusal, HttpError: as `open_completion`.
        """
        connection = _require_connection(model)
        url = f"{connection.url}/{path}"
        response = await self._post(model, connection, url, body, ctx, is_native_anthropic=True)
        if response.status >= 400:
            raise await self._read_refusal(response, "openai", url, model, ctx)
        return response

    async def complete(self, model: Model, payload: Payload, ctx: RequestContext) -> Completion:
        """Return a whole completion, in OpenAI's form.

        Raises:
            ProviderRefusal, HttpError: as `open_completion` and `UpstreamResponse.read_completion`.
        """
        upstream = await self.open_completion(model, {**payload, "stream": False}, ctx)
        return await upstream.read_completion()

    async def _post(
        self,
        model: Model,
        connection: Connection,
        url: str,
        body: Payload,
        ctx: RequestContext,
        *,
        is_native_anthropic: bool = False,
    ) -> aiohttp.ClientResponse:
        try:
            return await self._gateway.send(
                connection,
                url,
                ctx,
                body=body,
                model_id=model.id,
                is_stream=bool(body.get("stream")),
                is_native_anthropic=is_native_anthropic,
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error

    async def _read_refusal(
        self, response: aiohttp.ClientResponse, protocol: str, url: str, model: Model, ctx: RequestContext
    ) -> Exception:
        """Return the error to raise for a refusal, and publish the refusal as an event.

        Clients get the words of an OpenAI-compatible server as they are; Ollama's become our own form of an error.
        """
        headers = {name: response.headers[name] for name in _RETRY_HEADERS if name in response.headers}
        try:
            body = await read_beginning(response, MAX_ERROR_BYTES)
        except (TimeoutError, aiohttp.ClientError, OSError):
            body = b""
        finally:
            response.release()
        refusal = ProviderRefusal(
            status=response.status, body=body, content_type=response.headers.get("content-type", ""), headers=headers
        )
        content = refusal.content()
        connection = _require_connection(model)
        if protocol == "ollama":
            event = build_refusal_event(ctx.user, "ollama", url, response.status, content)
            await self._bus.publish(event)
            detail = content.get("error") if isinstance(content, dict) else None
            return HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR, headers)
        event = build_refusal_event(
            ctx.user,
            "openai-compatible",
            connection.url,
            response.status,
            content,
            model=model.id,
            key=connection.key,
        )
        await self._bus.publish(event)
        return refusal


def _require_connection(model: Model) -> Connection:
    """Return the connection of a model.

    Raises:
        NotFound: no server has the model.
    """
    if model.connection is None:
        raise NotFound(messages.model_not_found(model.id))
    return model.connection
