"""Metadata documents of authorization servers (RFC 8414) and of protected resources (RFC 9728).

The documents come from other servers: what Fastback needs must be valid, and anything else of the wrong type is left
out.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

#: Authorization servers of a resource that are asked, and characters of all scopes that are requested.
_MAX_SERVERS, _MAX_SCOPE_LENGTH = 3, 8_192
_MAX_URL_LENGTH = 2_048
#: What Entra ID has in place of the tenant, in the issuer of a document for several tenants.
_TENANT_PLACEHOLDER = "{tenantid}"
_REQUIRED = ("issuer", "authorization_endpoint", "token_endpoint")


class InvalidMetadata(ValueError):
    """A metadata document is invalid, or is that of another server; the text is for administrators."""


class ServerMetadata(msgspec.Struct, kw_only=True):
    """The metadata of an authorization server, with the fields that Open WebUI stores, in their order."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None = None
    scopes_supported: list[str] | None = None
    response_types_supported: list[str] = msgspec.field(default_factory=lambda: ["code"])
    response_modes_supported: list[str] | None = None
    grant_types_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None
    service_documentation: str | None = None
    ui_locales_supported: list[str] | None = None
    op_policy_uri: str | None = None
    op_tos_uri: str | None = None
    revocation_endpoint: str | None = None
    revocation_endpoint_auth_methods_supported: list[str] | None = None
    revocation_endpoint_auth_signing_alg_values_supported: list[str] | None = None
    introspection_endpoint: str | None = None
    introspection_endpoint_auth_methods_supported: list[str] | None = None
    introspection_endpoint_auth_signing_alg_values_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    client_id_metadata_document_supported: bool | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    authorization_grant_profiles_supported: list[str] | None = None

    @property
    def supports_s256(self) -> bool:
        """Whether PKCE with S256 can be used: unless the document lists methods without it."""
        methods = self.code_challenge_methods_supported
        return not methods or "S256" in methods


class ResourceMetadata(msgspec.Struct, kw_only=True):
    """What a protected resource says of itself: its identifier (RFC 8707), its authorization servers, its scopes."""

    resource: str | None = None
    authorization_servers: list[str] = []
    scopes_supported: list[str] = []


def is_http_url(value: Any) -> bool:
    """Return whether a value is an HTTP(S) URL with a host, without credentials, blanks and control characters."""
    if not isinstance(value, str) or len(value) > _MAX_URL_LENGTH:
        return False
    if any(char == "\\" or char.isspace() or ord(char) < 33 for char in value):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def parse_server_metadata(document: Any) -> ServerMetadata:
    """Return the metadata in a decoded document.

    Raises:
        InvalidMetadata: it is no object, or lacks an issuer or an endpoint.
    """
    if not isinstance(document, dict):
        raise InvalidMetadata("the document is not a JSON object")
    for name in _REQUIRED:
        if name == "issuer" and isinstance(document.get(name), str) and _TENANT_PLACEHOLDER in document[name]:
            continue
        if not is_http_url(document.get(name)):
            raise InvalidMetadata(f"{name} is missing or no HTTP(S) URL")
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(ServerMetadata):
        value = document.get(field.name)
        try:
            value = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            continue
        if isinstance(value, str) and field.name not in _REQUIRED and not is_http_url(value):
            continue
        if value is not None:
            fields[field.name] = value
    return ServerMetadata(**fields)


def parse_resource_metadata(document: Any) -> ResourceMetadata:
    """Return the metadata in a decoded document; what is not valid in it is left out.

    Raises:
        InvalidMetadata: it is no object.
    """
    if not isinstance(document, dict):
        raise InvalidMetadata("the document is not a JSON object")
    resource = document.get("resource")
    servers = document.get("authorization_servers")
    return ResourceMetadata(
        resource=resource if isinstance(resource, str) and 0 < len(resource) <= _MAX_URL_LENGTH else None,
        authorization_servers=[url for url in servers if is_http_url(url)][:_MAX_SERVERS]
        if isinstance(servers, list)
        else [],
        scopes_supported=list_scopes(document.get("scopes_supported")),
    )


def list_scopes(value: Any) -> list[str]:
    """Return the valid scopes of a list; none where they are too long for a URL."""
    if not isinstance(value, list):
        return []
    scopes = [scope for scope in value if isinstance(scope, str) and _is_scope(scope)]
    return scopes if sum(map(len, scopes)) + len(scopes) <= _MAX_SCOPE_LENGTH else []


def join_scopes(text: Any) -> str | None:
    """Return an administrator's scopes, which commas or blanks separate, with blanks between them; None without any."""
    if not isinstance(text, str):
        return None
    return " ".join(text.replace(",", " ").split()) or None


def _is_scope(text: str) -> bool:
    """Return whether a text is one scope: printable ASCII without blanks, quotes and backslashes (RFC 6749)."""
    return bool(text) and all("!" <= char <= "~" and char not in '"\\' for char in text)


def require_issuer(metadata: ServerMetadata, expected: str) -> None:
    """Require that a document names the issuer whose URL it was found at (RFC 8414, section 3.3).

    Raises:
        InvalidMetadata: it is another one.
    """
    issuer = metadata.issuer
    if _TENANT_PLACEHOLDER in issuer:
        matches = _matches_any_tenant(issuer, expected)
    else:
        matches = is_same_url(issuer, expected)
    if not matches:
        raise InvalidMetadata(f"the metadata of {expected} names another issuer, {issuer}")


def _matches_any_tenant(issuer: str, expected: str) -> bool:
    template, segments = _normalise_url(issuer).split("/"), _normalise_url(expected).split("/")
    return len(template) == len(segments) and all(
        part in (segment, _TENANT_PLACEHOLDER) for part, segment in zip(template, segments, strict=True)
    )


def is_same_url(url: str, other: str) -> bool:
    """Return whether two URLs are the same but for a slash at the end, the default port, and the case of the host."""
    return _normalise_url(url) == _normalise_url(other)


def _normalise_url(url: str) -> str:
    """Return a URL in the form in which two of them are compared."""
    parts = urlsplit(url)
    default_port = ":443" if parts.scheme.lower() == "https" else ":80"
    netloc = parts.netloc.lower().removesuffix(default_port)
    return f"{parts.scheme.lower()}://{netloc}{parts.path.rstrip('/')}{'?' + parts.query if parts.query else ''}"


def is_resource_of(resource: str, server_url: str) -> bool:
    """Return whether a resource identifier covers a server's URL: same origin, and a path at or above its own."""
    if not is_http_url(resource):
        return False
    own, server = _normalise_url(resource), _normalise_url(server_url)
    return own == server or server.startswith((f"{own}/", f"{own}?"))
