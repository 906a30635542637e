"""Passing requests on to model servers: which server, in whose name, and what comes back."""

from __future__ import annotations

import logging
import random
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound
from fastback.kit.http.disconnect import while_connected
from fastback.providers import openai
from fastback.providers.connections import Connection, ollama_connections, openai_connections
from fastback.providers.error_messages import refused
from fastback.providers.http_client import answer_timeout
from fastback.providers.registry import Model, ModelRegistry
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import RequestContext, build_request_context, with_groups
from fastback.settings import Settings

log = logging.getLogger("fastback.connections")

Payload = dict[str, Any]

_RETRY = ("retry-after", "retry-after-ms")


def at(connections: list[Connection], index: int) -> Connection:
    """Raises: NotFound, where there is no such connection."""
    if not 0 <= index < len(connections):
        raise NotFound(messages.NOT_FOUND)
    return connections[index]


def retry_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """When to come back, as the server says it."""
    return {name: response.headers[name] for name in _RETRY if name in response.headers}


class Forwarding:
    """What the operations that pass requests on share."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        registry: ModelRegistry,
        permissions: Permissions,
        bus: Bus,
    ) -> None:
        self.config = config
        self.settings = settings
        self.client = client
        self.registry = registry
        self.permissions = permissions
        self.bus = bus

    # -- which server ---------------------------------------------------------------------------------------------

    def openai_connections(self) -> list[Connection]:
        """Raises: HttpError 503, where OpenAI's API is switched off."""
        if not self.config.flag("openai.enable"):
            raise HttpError(503, "OpenAI API is disabled")
        return openai_connections(self.config)

    def ollama_connections(self) -> list[Connection]:
        """Raises: HttpError 503, where Ollama's API is switched off."""
        if not self.config.flag("ollama.enable"):
            raise HttpError(503, messages.OLLAMA_API_DISABLED)
        return ollama_connections(self.config)

    async def openai_place(self, model_id: Any) -> tuple[Connection, str]:
        """The server that has a model, and the model's name there; the first server for an unknown one."""
        connections = self.openai_connections()
        name = model_id if isinstance(model_id, str) else ""
        model = await self.registry.find(name) if name else None
        if model is not None and model.connection is not None and model.connection.kind == "openai":
            return model.connection, model.upstream_id
        if not connections:
            raise NotFound(messages.OPENAI_NOT_FOUND)
        prefix = f"{connections[0].prefix}."
        return connections[0], name.removeprefix(prefix) if connections[0].prefix else name

    async def ollama_hosts(self, name: str) -> list[int]:
        """The servers that have a model, by their place among the connections."""
        model = await self.registry.find(name)
        found = model.entry.get("ollama") if model is not None and model.connection is not None else None
        if found is None:
            # Hidden models are still there.
            entries = await self.registry.base_entries()
            found = next((one.get("ollama") for one in entries if one["id"] == name and "ollama" in one), None)
        return list((found or {}).get("urls") or [])

    async def ollama_place(self, name: str, user: User, index: int | None) -> Connection:
        """A server that has a model: the one asked for, or any.

        Raises:
            BadRequest: no server has it. Forbidden: the one asked for has not, and that is an administrator's right.
        """
        connections = self.ollama_connections()
        if index is not None:
            if not user.is_admin and index not in await self.ollama_hosts(name):
                raise Forbidden(messages.ACCESS_PROHIBITED)
            return at(connections, index)
        hosts = await self.ollama_hosts(name)
        if not hosts:
            raise BadRequest(messages.model_not_found(name))
        return at(connections, random.choice(hosts))

    async def admit(self, user: User, name: str) -> Model | None:
        """The model of a name that a user may use; administrators may ask for what nobody knows.

        Raises:
            Forbidden: the user may not.
        """
        model = await self.registry.find(name)
        if user.is_admin or (model is None and self.settings.bypass_model_access_control):
            return model
        if model is None:
            raise Forbidden("Model not found")
        await self.registry.check_access(user, model)
        return model

    # -- sending --------------------------------------------------------------------------------------------------

    async def ctx(self, connection: Connection, request: Request, user: User) -> RequestContext:
        """The circumstances of a request, as far as a connection wants to know them."""
        return await with_groups(
            connection.options.get("headers"), build_request_context(request, user), self.permissions
        )

    async def send(
        self,
        connection: Connection,
        method: str,
        url: str,
        user: User,
        request: Request,
        *,
        body: Any = None,
        params: dict[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request in a user's name; `body` is bytes, or anything JSON can hold.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: the server cannot be reached.
        """
        headers = openai.request_headers(connection, await self.ctx(connection, request, user), self.settings)
        if not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = "application/json"
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        sending = self.client.request(
            method,
            url,
            data=content,
            headers=headers,
            params=params,
            cookies=request.cookies if connection.options.get("forward_cookies") else None,
            timeout=answer_timeout(self.settings, stream=isinstance(body, dict) and bool(body.get("stream"))),
        )
        return await while_connected(request, sending)

    async def relay(
        self, connection: Connection, method: str, url: str, user: User, request: Request, *, body: Any = None
    ) -> Response:
        """Send a request and pass on what comes back, errors included, as it is.

        Raises:
            HttpError 500: the server cannot be reached.
        """
        try:
            response = await self.send(connection, method, url, user, request, body=body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("%s: %s", connection.url, error or type(error).__name__)
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
        return RelayResponse(response)

    async def ollama(
        self, connection: Connection, method: str, path: str, user: User, request: Request, body: Any = None
    ) -> aiohttp.ClientResponse:
        """Send a request to an Ollama server; its answer, which is none of an error.

        Raises:
            HttpError: the server's refusal in its own words, or 500: it cannot be reached.
        """
        try:
            response = await self.send(connection, method, f"{connection.url}{path}", user, request, body=body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(500, f"Ollama: {error}" if str(error) else messages.SERVER_CONNECTION_ERROR) from error
        if response.status < 400:
            return response
        try:
            answer = msgspec.json.decode(await response.read())
        except (msgspec.DecodeError, aiohttp.ClientError, UnicodeDecodeError):
            answer = None
        finally:
            response.release()
        await self.bus.publish(refused(user, "ollama", f"{connection.url}{path}", response.status, answer))
        detail = answer.get("error") if isinstance(answer, dict) else None
        raise HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR, retry_headers(response))

    async def ollama_json(
        self, connection: Connection, method: str, path: str, user: User, request: Request, body: Any = None
    ) -> Any:
        """Send a request to an Ollama server and read its answer; None for one that is no JSON.

        Raises:
            HttpError: as `ollama`.
        """
        response = await self.ollama(connection, method, path, user, request, body)
        try:
            return msgspec.json.decode(await response.read())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise HttpError(500, f"Ollama: {error}") from error
        finally:
            response.release()
