"""Asking a model: from a model and a payload to the provider's answer, whatever protocol the provider speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.completions.sse import EventParser
from fastback.kit.http.errors import HttpError, NotFound
from fastback.providers import ollama, openai
from fastback.providers.http_client import answer_timeout
from fastback.providers.registry import Model
from fastback.settings import Settings

Payload = dict[str, Any]


class ProviderFailed(Exception):
    """The provider refused: its status, and the body it answered with."""

    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.content_type = content_type

    def detail(self) -> str:
        """What a person should read of it: the innermost message of the error."""
        fallback = f"Provider returned HTTP {self.status}"
        try:
            found: Any = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.body.decode("utf-8", "replace").strip()[:2000] or fallback
        return detail_of(found) or fallback


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
    """A provider's answer under way: read it once, then close it."""

    def __init__(
        self, response: aiohttp.ClientResponse, *, is_ollama: bool, model_id: str, longest: int | None = None
    ) -> None:
        self.response = response
        self.is_ollama = is_ollama
        self._model_id = model_id
        self._longest = longest

    @property
    def is_stream(self) -> bool:
        kind = self.response.headers.get("content-type", "")
        return "text/event-stream" in kind or "application/x-ndjson" in kind

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        """The payloads of the stream, as many at once as have arrived: chat-completion chunks, then `[DONE]`."""
        if self.is_ollama:
            converter = ollama.OllamaToOpenAI(self._model_id)
            rest = b""
            async for piece in self.response.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                found = [one for line in lines if line.strip() for one in converter.feed(line)]
                if found:
                    yield [payload for one in found for payload in _bare(one)]
            return
        parser = EventParser(self._longest)
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
        if self.is_ollama and isinstance(found, dict):
            return ollama.to_openai_completion(found, self._model_id)
        return found

    def close(self) -> None:
        """Let go; an answer that was not read to its end is broken off, which tells the provider to stop."""
        self.response.close()


def _bare(line: bytes) -> list[bytes]:
    """The payload of a `data: …` line."""
    return [one[5:].strip() for one in line.split(b"\n") if one.startswith(b"data:")]


class Provider:
    """Sends payloads to the connection behind a model."""

    def __init__(self, client: aiohttp.ClientSession, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    async def open(self, model: Model, payload: Payload, user: User, *, chat_id: str | None = None) -> Upstream:
        """Send a chat completion; the answer once its head is there.

        Raises:
            ProviderFailed: the provider refused. HttpError: it cannot be reached.
        """
        connection = model.connection
        if connection is None:
            raise NotFound(messages.model_not_found(model.id))
        is_ollama = connection.kind == "ollama"
        payload = {**payload, "model": model.upstream_id}
        if is_ollama:
            url = f"{connection.url}/api/chat"
            payload = ollama.to_ollama(payload)
        else:
            url = openai.chat_url(connection, model.upstream_id)
            payload = openai.prepare_payload(connection, payload)
        headers = openai.request_headers(connection, user, self._settings, chat_id=chat_id)
        try:
            response = await self._client.post(
                url,
                data=msgspec.json.encode(payload),
                headers={**headers, "content-type": "application/json"},
                timeout=answer_timeout(self._settings, stream=bool(payload.get("stream"))),
            )
        except TimeoutError as error:
            raise HttpError(504, messages.SERVER_CONNECTION_ERROR) from error
        except (aiohttp.ClientError, OSError) as error:
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
        if response.status >= 400:
            try:
                body = await response.read()
            except aiohttp.ClientError:
                body = b""
            finally:
                response.release()
            raise ProviderFailed(response.status, body, response.headers.get("content-type", ""))
        longest = self._settings.chat_stream_response_chunk_max_buffer_size
        return Upstream(response, is_ollama=is_ollama, model_id=model.id, longest=longest)

    async def complete(self, model: Model, payload: Payload, user: User) -> Any:
        """A whole answer at once, in OpenAI's form.

        Raises:
            ProviderFailed, HttpError: as `open`.
        """
        upstream = await self.open(model, {**payload, "stream": False}, user)
        try:
            return await upstream.json()
        except aiohttp.ClientError as error:
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
