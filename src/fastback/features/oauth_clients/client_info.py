"""A registration at an authorization server, in the format in which Open WebUI stores it (RFC 7591)."""

from __future__ import annotations

import time
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from fastback.features.oauth_clients.metadata import InvalidMetadata, ServerMetadata, parse_server_metadata

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
ResourceMode = Literal["auto", "include", "omit"]

#: Methods of client authentication at the token endpoint, the preferred first.
AUTH_METHODS: tuple[AuthMethod, ...] = ("client_secret_post", "client_secret_basic", "none")
RESOURCE_MODES: tuple[ResourceMode, ...] = ("auto", "include", "omit")
_RESOURCE_SCOPES = ("https://", "http://", "api://")
_GOOGLE = "accounts.google.com"


class InvalidClientInfo(ValueError):
    """A registration is invalid; the text says what."""


class ClientInfo(msgspec.Struct, kw_only=True):
    """A registration: the client's identifier and secret, and the metadata of the authorization server.

    Attributes:
        issuer: the URL of the metadata document, in spite of its name; None where the server has none.
        resource: the resource indicator (RFC 8707) of the tool server.
        oauth_resource_parameter: whether requests name the resource; `auto`: unless a scope does.
        client_secret_expires_at: Unix time; 0: never.
        is_server_internal: whether the tool server answered from the internal network when the client was registered;
            None for a client that Open WebUI has registered. Open WebUI ignores the field.
    """

    response_types: list[str] = msgspec.field(default_factory=lambda: ["code"])
    scope: str | None = None
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    contacts: list[str] | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    jwks_uri: str | None = None
    jwks: Any = None
    software_id: str | None = None
    software_version: str | None = None
    redirect_uris: list[str]
    token_endpoint_auth_method: AuthMethod = "client_secret_post"
    grant_types: list[str] = msgspec.field(default_factory=lambda: ["authorization_code", "refresh_token"])
    application_type: Literal["web", "native"] = "native"
    issuer: str | None = None
    resource: str | None = None
    oauth_resource_parameter: ResourceMode = "auto"
    client_id: str
    client_secret: str | None = None
    client_id_issued_at: int | None = None
    client_secret_expires_at: int | None = None
    server_metadata: ServerMetadata | None = None
    is_server_internal: bool | None = None

    @property
    def sends_resource(self) -> bool:
        """Whether requests name the resource."""
        if not self.resource or self.oauth_resource_parameter == "omit":
            return False
        if self.oauth_resource_parameter == "include":
            return True
        return not any(scope.startswith(_RESOURCE_SCOPES) for scope in (self.scope or "").split())

    @property
    def has_expired_secret(self) -> bool:
        """Whether the secret is no longer valid."""
        return bool(self.client_secret_expires_at) and (self.client_secret_expires_at or 0) < time.time()

    def list_request_parameters(self) -> dict[str, str]:
        """Return the parameters of an authorization request that are the same for all users."""
        parameters = {"scope": self.scope} if self.scope else {}
        if self.sends_resource and self.resource:
            parameters["resource"] = self.resource
        if self.server_metadata and urlsplit(self.server_metadata.authorization_endpoint).hostname == _GOOGLE:
            # Google issues a refresh token only for offline access, and again only after a fresh consent.
            parameters |= {"access_type": "offline", "prompt": "consent"}
        return parameters


def parse_client_info(stored: Any) -> ClientInfo:
    """Return the registration in a decoded JSON value, as either program stores it.

    Raises:
        InvalidClientInfo: it is no registration.
    """
    if not isinstance(stored, dict):
        raise InvalidClientInfo("it is not a JSON object")
    fields = {name: value for name, value in stored.items() if value not in (None, "")}
    metadata = fields.pop("server_metadata", None)
    try:
        if metadata is not None:
            fields["server_metadata"] = parse_server_metadata(metadata)
        return msgspec.convert(fields, ClientInfo, strict=False)
    except (msgspec.ValidationError, InvalidMetadata) as error:
        raise InvalidClientInfo(str(error)) from None


def choose_auth_method(metadata: ServerMetadata) -> AuthMethod:
    """Return how the client authenticates at the token endpoint: by a method that the server supports, if possible."""
    supported = metadata.token_endpoint_auth_methods_supported
    return next((method for method in AUTH_METHODS if not supported or method in supported), AUTH_METHODS[0])
