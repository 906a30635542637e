"""Find the metadata of a tool server's authorization: its protected resource (RFC 9728), then the authorization server.

https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from fastback.features.oauth_clients.foreign_requests import ForeignRequests, RequestFailed
from fastback.features.oauth_clients.metadata import (
    InvalidMetadata,
    ResourceMetadata,
    ServerMetadata,
    is_http_url,
    is_resource_of,
    parse_resource_metadata,
    parse_server_metadata,
    require_issuer,
)

log = logging.getLogger("fastback.oauth")

#: Seconds that all requests of a discovery may take together.
DISCOVERY_SECONDS = 30.0
_RESOURCE_METADATA = re.compile(r'resource_metadata=(?:"([^"]{1,2048})"|([^\s,]{1,2048}))')
_RESOURCE_PATH = "/.well-known/oauth-protected-resource"
_OAUTH_PATH, _OPENID_PATH = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
_INITIALIZE = {"jsonrpc": "2.0", "method": "initialize", "params": {}, "id": 1}
_PROBE_HEADERS = {"Accept": "application/json, text/event-stream"}


class DiscoveryFailed(Exception):
    """The authorization of a tool server cannot be determined; the text is for administrators."""


class InvalidDocument(InvalidMetadata):
    """The metadata document at `url` is invalid, or names another issuer than that of its place."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url


class Candidate(NamedTuple):
    """Where the metadata of an authorization server may be, and the issuer that it must name there."""

    url: str
    issuer: str


class Discovered(NamedTuple):
    """The metadata of an authorization server, and the URL of its document; None for the defaults of a server."""

    metadata: ServerMetadata
    url: str | None


def _get_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _get_path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def _list_issuer_candidates(issuer: str) -> Iterator[Candidate]:
    """Yield the places of an issuer's metadata: of RFC 8414 and OpenID Connect, with its path and at its origin."""
    origin, path = _get_origin(issuer), _get_path(issuer)
    if path:
        yield Candidate(f"{origin}{_OAUTH_PATH}{path}", issuer)
        yield Candidate(f"{origin}{_OPENID_PATH}{path}", issuer)
        yield Candidate(f"{origin}{path}{_OPENID_PATH}", issuer)
    yield Candidate(f"{origin}{_OAUTH_PATH}", origin)
    yield Candidate(f"{origin}{_OPENID_PATH}", origin)


def list_candidates(server_url: str, resource: ResourceMetadata) -> list[Candidate]:
    """List where the metadata of a tool server's authorization server may be, the likeliest place first."""
    issuers = [*resource.authorization_servers, server_url]
    return list(dict.fromkeys(candidate for issuer in issuers for candidate in _list_issuer_candidates(issuer)))


class Discovery:
    """Finds metadata for one tool server."""

    def __init__(self, requests: ForeignRequests) -> None:
        self._requests = requests

    async def find_resource(self, server_url: str, *, other_urls: tuple[str, ...] = ()) -> ResourceMetadata:
        """Return what a tool server says of itself; empty where it says nothing.

        `other_urls` are further addresses that the administrator has entered, which the resource may be as well.

        Raises:
            DiscoveryFailed: it names a resource of another server.
        """
        result = ResourceMetadata()
        for url in await self._list_resource_urls(server_url):
            try:
                response = await self._requests.send("GET", url, follow=True)
                if response.status != 200:
                    continue
                result = parse_resource_metadata(await response.decode_json())
            except (RequestFailed, InvalidMetadata) as error:
                log.info("resource metadata at %s skipped: %s", url, error)
                continue
            if result.authorization_servers:
                break
        if not self._requests.policy.allows_internal:
            _require_own_resource(result, (server_url, *other_urls))
        return result

    async def _list_resource_urls(self, server_url: str) -> list[str]:
        """Return the URL that the server names where it refuses a request; otherwise the well-known ones."""
        try:
            response = await self._requests.send(
                "POST", server_url, json=_INITIALIZE, headers=_PROBE_HEADERS, follow=True, read_body=False
            )
        except RequestFailed as error:
            log.info("request for the authorization of %s failed: %s", server_url, error)
            return []
        match = _RESOURCE_METADATA.search(response.headers.get("www-authenticate", ""))
        named = (match[1] or match[2]) if match else ""
        if is_http_url(named):
            return [named]
        origin, path = _get_origin(server_url), _get_path(server_url)
        return (
            [f"{origin}{_RESOURCE_PATH}{path}", f"{origin}{_RESOURCE_PATH}"] if path else [f"{origin}{_RESOURCE_PATH}"]
        )

    async def find_document(self, candidates: list[Candidate]) -> Discovered | None:
        """Return the first document that is valid and names the issuer of its place; None where no place has one.

        Raises:
            InvalidDocument: there are documents, and none is valid. RequestFailed: no place could be asked.
        """
        failure: InvalidDocument | None = None
        unreachable: RequestFailed | None = None
        has_answer = False
        for candidate in candidates:
            try:
                response = await self._requests.send("GET", candidate.url, follow=True)
                has_answer = True
                if response.status != 200:
                    continue
                metadata = parse_server_metadata(await response.decode_json())
                require_issuer(metadata, candidate.issuer)
                return Discovered(metadata, candidate.url)
            except RequestFailed as error:
                unreachable = error
                log.info("authorization server metadata at %s skipped: %s", candidate.url, error)
            except InvalidMetadata as error:
                failure = failure or InvalidDocument(candidate.url, str(error))
                log.info("authorization server metadata at %s is invalid: %s", candidate.url, error)
        if failure is not None:
            raise failure
        if unreachable is not None and not has_answer:
            raise unreachable
        return None

    async def find_server(self, server_url: str, resource: ResourceMetadata) -> Discovered:
        """Return the metadata of a tool server's authorization server.

        A server that says nothing has the endpoints that MCP defined in its first version.

        Raises:
            DiscoveryFailed: it cannot be found.
        """
        try:
            discovered = await self.find_document(list_candidates(server_url, resource))
        except (InvalidDocument, RequestFailed) as error:
            raise DiscoveryFailed(str(error)) from None
        if discovered is not None:
            return discovered
        if resource.authorization_servers:
            raise DiscoveryFailed(f"Could not discover the OAuth authorization server metadata for {server_url}")
        origin = _get_origin(server_url)
        metadata = ServerMetadata(
            issuer=origin,
            authorization_endpoint=f"{origin}/authorize",
            token_endpoint=f"{origin}/token",
            registration_endpoint=f"{origin}/register",
        )
        return Discovered(metadata, None)


def _require_own_resource(metadata: ResourceMetadata, configured_urls: tuple[str, ...]) -> None:
    """Require that a server names itself as the resource (RFC 9728, section 3.3).

    Otherwise it could get the tokens of another server. Only public servers are asked for that: one in the internal
    network often has another name there than for others.

    Raises:
        DiscoveryFailed: it names another one.
    """
    resource = metadata.resource
    if resource is None or any(is_resource_of(resource, url) for url in configured_urls):
        return
    raise DiscoveryFailed(f"the metadata of {configured_urls[0]} is that of another resource, {resource}")


def limit_discovery() -> asyncio.Timeout:
    """Return the context that limits the time of a discovery. Raises: TimeoutError."""
    return asyncio.timeout(DISCOVERY_SECONDS)
