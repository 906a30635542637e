"""Forward requests to model servers: choose the connection, send in the user's name, handle the response."""

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
from fastback.config.keys.connections import OLLAMA_ENABLE, OPENAI_ENABLE
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers.connections import Connection, list_ollama_connections, list_openai_connections
from fastback.providers.gateway import ServerGateway
from fastback.providers.model import Model
from fastback.providers.refusal_events import build_refusal_event
from fastback.providers.registry import ModelRegistry
from fastback.providers.relay import RelayResponse
from fastback.providers.request_context import RequestContext, add_groups, build_request_context
from fastback.providers.response_body import CONNECTION_ERRORS, MAX_ANSWER_BYTES, MAX_ERROR_BYTES, read_json_response
from fastback.settings import Settings

log = logging.getLogger("fastback.connections")

_RETRY_HEADERS = ("retry-after", "retry-after-ms")


def get_connection(connections: list[Connection], index: int) -> Connection:
    """Return the connection at an index.

    Raises:
        NotFound: there is no such connection.
    """
    if not 0 <= index < len(connections):
        raise NotFound(messages.NOT_FOUND)
    return connections[index]


def get_retry_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers in which the server says when to retry."""
    return {name: response.headers[name] for name in _RETRY_HEADERS if name in response.headers}


class RequestForwarder:
    """Forward requests to the configured model servers, for every route that does so."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        gateway: ServerGateway,
        registry: ModelRegistry,
        permissions: Permissions,
        bus: Bus,
    ) -> None:
        self.config = config
        self.settings = settings
        self.client = client
        self._gateway = gateway
        self.registry = registry
        self.permissions = permissions
        self.bus = bus

    # -- choosing a server ----------------------------------------------------------------------------------------

    def openai_connections(self) -> list[Connection]:
        """Return the OpenAI-compatible connections.

        Raises:
            HttpError 503: the OpenAI API is switched off.
        """
        if not self.config.get_bool(OPENAI_ENABLE):
            raise HttpError(503, "OpenAI API is disabled")
        return list_openai_connections(self.config)

    def ollama_connections(self) -> list[Connection]:
        """Return the Ollama connections.

        Raises:
            HttpError 503: the Ollama API is switched off.
        """
        if not self.config.get_bool(OLLAMA_ENABLE):
            raise HttpError(503, messages.OLLAMA_API_DISABLED)
        return list_ollama_connections(self.config)

    async def resolve_openai_model(self, model_id: Any) -> tuple[Connection, str]:
        """Return the connection that serves a model, and the model's name on that server.

        An unknown model resolves to the first connection.

        Raises:
            NotFound: there is no connection.
        """
        connections = self.openai_connections()
        name = model_id if isinstance(model_id, str) else ""
        model = await self.registry.find(name) if name else None
        if model is not None and model.connection is not None and model.connection.kind == "openai":
            return model.connection, model.upstream_id
        if not connections:
            raise NotFound(messages.OPENAI_NOT_FOUND)
        prefix = f"{connections[0].prefix}."
        return connections[0], name.removeprefix(prefix) if connections[0].prefix else name

    async def list_ollama_indexes(self, name: str) -> list[int]:
        """Return the indexes of the Ollama connections whose servers have a model."""
        model = await self.registry.find(name)
        if model is not None and model.connection is not None and model.owned_by == "ollama":
            return list(model.entry["ollama"]["urls"])
        # A hidden model is missing from the list of models, but its server still has it.
        entries = await self.registry.list_base_entries()
        return next(
            (
                list(entry["ollama"]["urls"])
                for entry in entries
                if entry["id"] == name and entry["owned_by"] == "ollama"
            ),
            [],
        )

    async def choose_ollama_connection(self, name: str, user: User, index: int | None) -> Connection:
        """Return the connection at `index`, or, if it is None, a random one whose server has the model.

        Raises:
            BadRequest: no server has the model.
            Forbidden: the server at `index` does not have the model, and the user is not an administrator.
        """
        connections = self.ollama_connections()
        if index is not None:
            if not user.is_admin and index not in await self.list_ollama_indexes(name):
                raise Forbidden(messages.ACCESS_PROHIBITED)
            return get_connection(connections, index)
        indexes = await self.list_ollama_indexes(name)
        if not indexes:
            raise BadRequest(messages.model_not_found(name))
        return get_connection(connections, random.choice(indexes))

    async def require_model_access(self, user: User, name: str) -> Model | None:
        """Return the model of a name if the user may use it.

        Administrators may use names that no model has; then the result is None.

        Raises:
            Forbidden: the user may not use the model.
        """
        model = await self.registry.find(name)
        if user.is_admin or (model is None and self.settings.bypass_model_access_control):
            return model
        if model is None:
            raise Forbidden("Model not found")
        await self.registry.require_access(user, model)
        return model

    # -- sending --------------------------------------------------------------------------------------------------

    async def build_context(self, connection: Connection, request: Request, user: User) -> RequestContext:
        """Return the context of a request, with the user's groups if a custom header of the connection uses them."""
        return await add_groups(
            connection.options.get("headers"), build_request_context(request, user), self.permissions
        )

    async def send_request(
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
        """Send a request in a user's name; `body` is bytes, or anything that JSON can represent.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: the server cannot be reached.
        """
        pending = self._gateway.send(
            connection,
            url,
            build_request_context(request, user),
            method=method,
            body=body,
            params=params,
            is_stream=isinstance(body, dict) and bool(body.get("stream")),
        )
        return await run_while_connected(request.receive, pending)

    async def relay_request(
        self, connection: Connection, method: str, url: str, user: User, request: Request, *, body: Any = None
    ) -> Response:
        """Send a request and relay the response unchanged, error responses included.

        Raises:
            HttpError 500: the server cannot be reached.
        """
        try:
            response = await self.send_request(connection, method, url, user, request, body=body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("request to %s failed: %s", connection.url, error or type(error).__name__)
            raise HttpError(500, messages.SERVER_CONNECTION_ERROR) from error
        return RelayResponse(response)

    async def send_ollama_request(
        self, connection: Connection, method: str, path: str, user: User, request: Request, body: Any = None
    ) -> aiohttp.ClientResponse:
        """Send a request to an Ollama server and return its successful response.

        Raises:
            HttpError: the server's own error, or 500 if it cannot be reached.
        """
        try:
            response = await self.send_request(connection, method, f"{connection.url}{path}", user, request, body=body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HttpError(500, f"Ollama: {error}" if str(error) else messages.SERVER_CONNECTION_ERROR) from error
        if response.status < 400:
            return response
        try:
            content = await read_json_response(response, MAX_ERROR_BYTES)
        except (msgspec.DecodeError, *CONNECTION_ERRORS):
            content = None
        finally:
            response.release()
        await self.bus.publish(build_refusal_event(user, "ollama", f"{connection.url}{path}", response.status, content))
        detail = content.get("error") if isinstance(content, dict) else None
        raise HttpError(response.status, detail or messages.SERVER_CONNECTION_ERROR, get_retry_headers(response))

    async def fetch_ollama_json(
        self, connection: Connection, method: str, path: str, user: User, request: Request, body: Any = None
    ) -> Any:
        """Send a request to an Ollama server and return the decoded response; None if it is not JSON.

        Raises:
            HttpError: as `send_ollama_request`.
        """
        response = await self.send_ollama_request(connection, method, path, user, request, body)
        try:
            return await read_json_response(response, MAX_ANSWER_BYTES)
        except msgspec.DecodeError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise HttpError(500, f"Ollama: {error}") from error
        finally:
            response.release()
