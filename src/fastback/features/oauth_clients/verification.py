"""Verification of a tool server that users sign in to: that its authorization server can be found."""

from __future__ import annotations

import logging

from fastback.features.oauth_clients.discovery import (
    Discovery,
    DiscoveryFailed,
    InvalidDocument,
    limit_discovery,
    list_candidates,
)
from fastback.features.oauth_clients.foreign_requests import RequestFactory, RequestFailed
from fastback.features.oauth_clients.metadata import ServerMetadata
from fastback.kit.http import BadRequest

log = logging.getLogger("fastback.oauth")


class OAuthVerification:
    """Finds the metadata of authorization servers."""

    def __init__(self, requests: RequestFactory) -> None:
        self._factory = requests

    async def get_server_metadata(self, urls: tuple[str, ...]) -> ServerMetadata:
        """Return the metadata of a tool server's authorization server; the first of `urls` is asked for it.

        Raises:
            BadRequest: it cannot be found, or is invalid.
        """
        discovery = Discovery(self._factory.build_requests(urls))
        try:
            async with limit_discovery():
                resource = await discovery.find_resource(urls[0], other_urls=urls[1:])
                candidates = list_candidates(urls[0], resource)
                discovered = await discovery.find_document(candidates)
        except InvalidDocument as error:
            log.info("verification of the tool server %s failed: %s", urls[0], error)
            raise BadRequest(f"Failed to parse OAuth 2.1 discovery document from {error.url}") from None
        except (RequestFailed, DiscoveryFailed, TimeoutError) as error:
            log.info("verification of the tool server %s failed: %s", urls[0], error or "it took too long")
            raise BadRequest("Failed to connect to the tool server") from None
        if discovered is None:
            places = [candidate.url for candidate in candidates]
            raise BadRequest(f"Failed to fetch OAuth 2.1 discovery document from {places}")
        return discovered.metadata
