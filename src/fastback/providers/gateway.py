"""The gateway to model servers: the one place that every request on behalf of a user passes.

Chat completions, generations (titles, tags, …), embeddings, native Anthropic messages, token counts, and whatever the
doors `/openai` and `/ollama` forward are sent by `ServerGateway.send`. Quotas and metrics attach here as hooks. Not
usage, and not sent from here: lists of models, checks of a connection, and uploads of model files to Ollama.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol

import aiohttp
import msgspec

from fastback.access.permissions import Permissions
from fastback.providers import openai
from fastback.providers.connections import Connection
from fastback.providers.http_client import build_answer_timeout
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.request_context import RequestContext, add_groups
from fastback.providers.request_encoding import encode_request
from fastback.settings import Settings


class ServerRequest(msgspec.Struct, frozen=True):
    """A request to a model server, as hooks see it.

    Attributes:
        model_id: empty where the request names no known model.
        is_stream: whether it asks for a stream.
        started: when it was sent, of `time.perf_counter`.
    """

    connection: Connection
    method: str
    url: str
    model_id: str
    ctx: RequestContext
    is_stream: bool
    started: float


class RequestHook(Protocol):
    """Look at every request before it is sent, and at the head of its response, or the error in place of it."""

    async def before_request(self, request: ServerRequest) -> None:
        """Let the request pass, or raise an `HttpError` to refuse it."""

    async def after_response(self, request: ServerRequest, response: aiohttp.ClientResponse) -> None:
        """Take note of the head; the body has not been read yet (`watch_body`)."""

    async def after_failure(self, request: ServerRequest, error: Exception) -> None:
        """Take note that there is no response."""


class ServerGateway:
    """Send requests to model servers with the headers, cookies and timeouts of their connections."""

    def __init__(
        self,
        *,
        client: aiohttp.ClientSession,
        settings: Settings,
        permissions: Permissions,
        tokens: OAuthTokens,
    ) -> None:
        self._client = client
        self._settings = settings
        self._permissions = permissions
        self._tokens = tokens
        self._hooks: list[RequestHook] = []
        self._timeout, self._stream_timeout = (
            build_answer_timeout(settings, stream=stream) for stream in (False, True)
        )

    def add_hook(self, hook: RequestHook) -> None:
        """Add a hook; those before it are called first."""
        self._hooks.append(hook)

    async def send(
        self,
        connection: Connection,
        url: str,
        ctx: RequestContext,
        *,
        method: str = "POST",
        body: Any = None,
        params: dict[str, str] | None = None,
        model_id: str = "",
        is_stream: bool = False,
        is_native_anthropic: bool = False,
    ) -> aiohttp.ClientResponse:
        """Send a request and return its response once the head is there.

        `body` is bytes, None, or anything that JSON can hold. `is_stream` lets the response take long in all, and
        limits its pauses instead. `is_native_anthropic` sends Anthropic the key as it wants it.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: the server cannot be reached.
            HttpError: a hook refuses the request, or the connection's way to sign in is not built.
        """
        ctx = await add_groups(connection.options.get("headers"), ctx, self._permissions)
        ctx = await self._tokens.add_to(connection.options.get("auth_type"), ctx)
        headers = openai.build_request_headers(connection, ctx, self._settings)
        if is_native_anthropic:
            headers = openai.build_anthropic_headers(connection, headers)
        if not any(name.lower() == "content-type" for name in headers):
            headers = {"content-type": "application/json", **headers}
        request: ServerRequest | None = None
        if self._hooks:
            request = ServerRequest(connection, method, url, model_id, ctx, is_stream, perf_counter())
            for hook in self._hooks:
                await hook.before_request(request)
        content = await encode_request(body)
        if content.is_sliced:
            headers = {**headers, "content-length": str(content.size)}
        try:
            response = await self._client.request(
                method,
                url,
                data=content.data,
                headers=headers,
                params=params,
                cookies=ctx.cookies if connection.options.get("forward_cookies") else None,
                timeout=self._stream_timeout if is_stream else self._timeout,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if request is not None:
                for hook in self._hooks:
                    await hook.after_failure(request, error)
            raise
        if request is not None:
            for hook in self._hooks:
                await hook.after_response(request, response)
        return response
