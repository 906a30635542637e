"""Register this server as a client at the authorization server of a tool server, or use credentials from there."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from fastback.features.oauth_clients.client_info import (
    ClientInfo,
    InvalidClientInfo,
    choose_auth_method,
    parse_client_info,
)
from fastback.features.oauth_clients.discovery import Discovered, Discovery, DiscoveryFailed, limit_discovery
from fastback.features.oauth_clients.foreign_requests import (
    ForeignRequests,
    ForeignResponse,
    RequestFactory,
    RequestFailed,
)
from fastback.features.oauth_clients.metadata import ResourceMetadata, join_scopes, list_scopes

log = logging.getLogger("fastback.oauth")

#: Characters of a server's error that are shown.
_MAX_ERROR_LENGTH = 500
#: Fields of registrations that are not those of responses.
_OWN_FIELDS = ("issuer", "server_metadata", "resource", "oauth_resource_parameter", "is_server_internal")
_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class RegistrationFailed(Exception):
    """The registration failed; the text is for administrators."""


class Target(NamedTuple):
    """What is registered.

    Attributes:
        server_url: the address whose authorization is discovered.
        other_urls: further addresses that the administrator has entered.
        redirect_uri: where the authorization server sends users back.
        scope: the administrator's scopes, which replace those of the server.
    """

    server_url: str
    redirect_uri: str
    other_urls: tuple[str, ...] = ()
    scope: str | None = None


class Registrar:
    """Registers clients. `client_name` is what authorization servers show to users."""

    def __init__(self, requests: RequestFactory, client_name: str) -> None:
        self._factory = requests
        self._client_name = client_name

    async def register_dynamically(self, target: Target) -> ClientInfo:
        """Register a client (RFC 7591) and return it.

        Raises:
            RegistrationFailed.
        """
        requests = self._factory.build_requests((target.server_url, *target.other_urls))
        resource, discovered = await _discover(requests, target)
        metadata = discovered.metadata
        scope = join_scopes(target.scope) or " ".join(
            resource.scopes_supported or list_scopes(metadata.scopes_supported)
        )
        form = _build_form(self._client_name, target.redirect_uri, choose_auth_method(metadata), scope)
        parts = urlsplit(target.server_url)
        url = metadata.registration_endpoint or f"{parts.scheme}://{parts.netloc}/register"
        try:
            response = await requests.send("POST", url, json=form)
        except RequestFailed as error:
            raise RegistrationFailed(f"Dynamic client registration failed: {error}") from None
        info = await _parse_response(response, form)
        log.info("registered OAuth client %s at %s", info.client_id, url)
        return msgspec.structs.replace(
            info,
            issuer=discovered.url,
            server_metadata=metadata,
            resource=resource.resource,
            is_server_internal=requests.policy.is_server_internal,
        )

    async def build_static(self, target: Target, client_id: str, client_secret: str) -> ClientInfo:
        """Return a client whose credentials an administrator got from the authorization server.

        Raises:
            RegistrationFailed.
        """
        requests = self._factory.build_requests((target.server_url, *target.other_urls))
        resource, discovered = await _discover(requests, target)
        return ClientInfo(
            client_id=client_id,
            client_secret=client_secret,
            redirect_uris=[target.redirect_uri],
            scope=join_scopes(target.scope) or " ".join(resource.scopes_supported) or None,
            token_endpoint_auth_method=choose_auth_method(discovered.metadata),
            application_type=_choose_application_type(target.redirect_uri),
            issuer=discovered.url,
            server_metadata=discovered.metadata,
            resource=resource.resource,
            is_server_internal=requests.policy.is_server_internal,
        )


async def _discover(requests: ForeignRequests, target: Target) -> tuple[ResourceMetadata, Discovered]:
    discovery = Discovery(requests)
    try:
        async with limit_discovery():
            resource = await discovery.find_resource(target.server_url, other_urls=target.other_urls)
            return resource, await discovery.find_server(target.server_url, resource)
    except DiscoveryFailed as error:
        raise RegistrationFailed(str(error)) from None
    except TimeoutError:
        raise RegistrationFailed("discovery took too long") from None


def _build_form(client_name: str, redirect_uri: str, auth_method: str, scope: str) -> dict[str, Any]:
    form: dict[str, Any] = {
        "client_name": client_name,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": auth_method,
        "application_type": _choose_application_type(redirect_uri),
    }
    return {**form, "scope": scope} if scope else form


def _choose_application_type(redirect_uri: str) -> Any:
    """Return the type of OpenID Connect's registration: strict servers accept plain HTTP only from `native` ones."""
    return "native" if urlsplit(redirect_uri).hostname in _LOOPBACK_HOSTS else "web"


async def _parse_response(response: ForeignResponse, form: dict[str, Any]) -> ClientInfo:
    """Return the registered client; what the response omits is as it was requested.

    Raises:
        RegistrationFailed: the server refused, or its response is no registration.
    """
    try:
        document = await response.decode_json()
        if not isinstance(document, dict) or not isinstance(document.get("client_id"), str):
            raise InvalidClientInfo("there is no client_id")
        values = {name: value for name, value in document.items() if value not in (None, "")}
        values = {name: value for name, value in values.items() if name not in _OWN_FIELDS}
        # A server that changes the address would send users elsewhere.
        return parse_client_info({**form, **values, "redirect_uris": form["redirect_uris"]})
    except (RequestFailed, InvalidClientInfo) as error:
        log.warning("registration of an OAuth client failed with HTTP %d: %s", response.status, error)
        text = response.text.strip()[:_MAX_ERROR_LENGTH]
        if response.status < 400 and isinstance(error, InvalidClientInfo):
            text = f"the response is invalid: {error}"  # it may have a secret
        raise RegistrationFailed(
            f"Dynamic client registration failed: {text}" if text else "Error parsing client registration response"
        ) from None
