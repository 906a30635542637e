"""Asking a model: from a model and a payload to the provider's answer, whatever protocol the provider speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.http.errors import HttpError, NotFound
from fastback.providers import ollama, openai, responses
from fastback.providers.connections import Connection
from fastback.providers.error_messages import refused
from fastback.providers.http_client import answer_timeout
from fastback.providers.registry import Model
from fastback.providers.request_context import RequestContext, with_groups
from fastback.providers.sse import EventParser
from fastback.settings import Settings

Payload = dict[str, Any]


class ProviderFailed(Exception):
    """The provider refused: its status, the body it answered with, and the headers that say when to come back."""

    def __init__(self, *, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers

    def content(self) -> Any:
        """The body as JSON, or as a text where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.body.decode("utf-8", "replace")

    def detail(self) -> str:
        """What a person should read of it: the innermost message of the error."""
        found = self.content()
        text = found.strip()[:2000] if isinstance(found, str) else detail_of(found)
        return text or f"Provider returned HTTP {self.status}"


def detail_of(error: Any) -> str:
    """The innermost text of an error object: `error`, `detail`, `message`, at any depth."""
    while isinstance(error, dict):
        for key in ("error", "detail", "message"):
            if error.get(key):
                error = error[key]
                break
        else:
            return msgspec.json.encode(error).decode() if error else ""
    if isinstance(error, list):
        return msgspec.json.encode(error).decode()
    return str(error) if error is not None else ""


class Upstream:
    """A provider's answer under way: read it once, then close it.

    `protocol` is what the provider speaks: `openai` (chat completions), `responses` or `ollama`.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, *, protocol: str, model_id: str, longest: int | None = None
    ) -> None:
        self.response = response
        self.protocol = protocol
        self._model_id = model_id
        self._longest = longest

    @property
    def is_stream(self) -> bool:
        kind = self.response.headers.get("content-type", "")
        return "text/event-stream" in kind or "application/x-ndjson" in kind

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        """The payloads of the stream, as many at once as have arrived: chat-completion chunks, then `[DONE]`."""
        if self.protocol == "ollama":
            converter = ollama.OllamaToOpenAI(self._model_id)
            rest = b""
            async for piece in self.response.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                found = [one for line in lines if line.strip() for one in converter.feed(line)]
                if found:
                    yield [payload for one in found for payload in _bare(one)]
            return
        parser = EventParser(self._longest)
        if self.protocol == "responses":
            events = responses.ResponsesToOpenAI(self._model_id)
            async for piece in self.response.content.iter_any():
                found = [one for payload in parser.feed(piece) for one in events.feed(payload)]
                if found:
                    yield found
            return
        async for piece in self.response.content.iter_any():
            found = parser.feed(piece)
            if found:
                yield found
        if found := parser.end():
            yield found

    async def json(self) -> Any:
        """The whole answer of a request that did not stream, in OpenAI's form.

        Raises:
            HttpError: the provider answered something that is no JSON.
        """
        body = await self.response.read()
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise HttpError(502, "The provider answered with something that is not JSON.") from None
        if not isinstance(found, dict) or self.protocol == "openai":
            return found
        if self.protocol == "responses":
            return responses.to_openai_completion(found)
        return ollama.to_openai_completion(found, self._model_id)

    def close(self) -> None:
        """Let go; an answer that was not read to its end is broken off, which tells the provider to stop."""
        self.response.close()


_RETRY = ("retry-after", "retry-after-ms")


def _bare(line: bytes) -> list[bytes]:
    """The payload of a `data: …` line."""
    return [one[5:].strip() for one in line.split(b"\n") if one.startswith(b"data:")]


class Provider:
    """Sends payloads to the connection behind a model."""

    def __init__(
        self, *, client: aiohttp.ClientSession, settings: Settings, permissions: Permissions, bus: Bus
    ) -> None:
        self._client = client
        self._bus = bus
        self._settings = settings
        self._permissions = permissions

    async def open(self, model: Model, payload: Payload, ctx: RequestContext) -> Upstream:
        """Send a chat completion; the answer once its head is there.

        Raises:
            ProviderFailed: the provider refused. HttpError: it cannot be reached, or not be signed in to.
        """
        connection = model.connection
        if connection is None:
            raise NotFound(messages.model_not_found(model.id))
        payload = {**payload, "model": model.upstream_id}
        if connection.kind == "ollama":
            protocol, url = "ollama", f"{connection.url}/api/chat"
            payload = ollama.to_ollama(payload)
        else:
            protocol = "responses" if connection.speaks_responses else "openai"
            url = openai.chat_url(connection, model.upstream_id)
            payload = openai.prepare_payload(connection, payload, continues=ctx.continues)
        response = await self._post(connection, url, payload, ctx)
        if response.status >= 400:
            raise await self._refused(response, protocol, url, model, ctx)
        longest = self._settings.chat_stream_response_chunk_max_buffer_size
        return Upstream(response, protocol=protocol, model_id=model.id, longest=longest)

    async def native(self, model: Model, path: str, body: Payload, ctx: RequestContext) -> aiohttp.ClientResponse:
        """The head of the answer to a request in Anthropic's own words, which a server passed on or understands.

        Raises:
            ProviderFailed, HttpError: as `open`.
        """
        connection = model.connection
        if connection is None:
            raise NotFound(messages.model_not_found(model.id))
        url = f"{connection.url}/{path}"
        response = await self._post(connection, url, body, ctx, native=True)
        if response.status >= 400:
            raise await self._refused(response, "openai", url, model, ctx)
        return response

    async def _post(
        self, connection: Connection, url: str, body: Payload, ctx: RequestContext, *, native: bool = False
    ) -> aiohttp.ClientResponse:
        ctx = await with_groups(connection.options.get("headers"), ctx, self._permissions)
        headers = openai.request_headers(connection, ctx, self._settings)
        if native:
            headers = openai.anthropic_headers(connection, headers)
        try:
            return await self._client.post(
                url,
                data=msgspec.json.encode(body),
                headers={"content-type": "application/json", **headers},
                cookies=ctx.cookies if connection.options.get("forward_cookies") else None,
                timeout=answer_timeout(self._settings, stream=bool(body.get("stream"))),
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error

    async def _refused(
        self, response: aiohttp.ClientResponse, protocol: str, url: str, model: Model, ctx: RequestContext
    ) -> Exception:
        """What a refusal is to those who asked: Ollama's is told in our words, any other in the provider's."""
        headers = {name: response.headers[name] for name in _RETRY if name in response.headers}
        try:
            body = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError):
            body = b""
        finally:
            response.release()
        failed = ProviderFailed(
            status=response.status, body=body, content_type=response.headers.get("content-type", ""), headers=headers
        )
        content = failed.content()
        ours = protocol == "ollama"
        told = refused(
            ctx.user,
            "ollama" if ours else "openai-compatible",
            url if ours or model.connection is None else model.connection.url,
            response.status,
            content,
            model=None if ours else model.id,
            key="" if ours or model.connection is None else model.connection.key,
        )
        await self._bus.publish(told)
        if not ours:
            return failed
        detail = content.get("error") if isinstance(content, dict) else None
        return HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR, headers)

    async def complete(self, model: Model, payload: Payload, ctx: RequestContext) -> Any:
        """A whole answer at once, in OpenAI's form.

        Raises:
            ProviderFailed, HttpError: as `open`.
        """
        upstream = await self.open(model, {**payload, "stream": False}, ctx)
        try:
            return await upstream.json()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(502, messages.SERVER_CONNECTION_ERROR) from error
        finally:
            upstream.close()


def content_of(completion: Any) -> str:
    """The text of a whole answer; its reasoning where there is no text."""
    try:
        message = completion["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        return ""
    return str(message.get("content") or message.get("reasoning_content") or "")
