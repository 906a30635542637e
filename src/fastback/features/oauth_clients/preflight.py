"""Ask an authorization server whether it still knows a client, before a user is sent there."""

from __future__ import annotations

import logging
import secrets

from fastback.features.oauth_clients.authorization_url import (
    NoAuthorizationEndpoint,
    build_authorization_url,
    create_verifier,
)
from fastback.features.oauth_clients.clients import OAuthClient
from fastback.features.oauth_clients.connections import list_urls
from fastback.features.oauth_clients.foreign_requests import ForeignResponse, RequestFactory, RequestFailed
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

#: Seconds that a user waits for the answer; without one, the client is taken to be valid.
_SECONDS = 5.0
#: What servers say of clients that they do not know, and of addresses that are not registered.
_COMPLAINTS = ("invalid_client", "invalid client", "client id", "redirect_uri", "redirect uri")


class Preflight:
    """Checks registrations."""

    def __init__(self, requests: RequestFactory, settings: Settings) -> None:
        self._factory = requests
        self._settings = settings

    async def is_valid(self, client: OAuthClient) -> bool:
        """Return False where the server says that it does not know the client, or the secret has expired."""
        info = client.info
        if info.has_expired_secret:
            return False
        if not info.redirect_uris:
            return False
        try:
            url = build_authorization_url(
                info,
                redirect_uri=info.redirect_uris[0],
                state=secrets.token_urlsafe(16),
                verifier=create_verifier(info),
            )
        except NoAuthorizationEndpoint:
            return True
        requests = await self._factory.build_client_requests(list_urls(client.connection), info.is_server_internal)
        try:
            response = await requests.send(
                "GET", url, follow=self._settings.aiohttp_client_allow_redirects, seconds=_SECONDS
            )
        except RequestFailed as error:
            log.info("check of OAuth client %s skipped: %s", client.id, error)
            return True
        if response.status < 400 or "cf-mitigated" in response.headers:
            return True  # the latter is a page against robots, whose words say nothing about the client
        text = await _read_complaint(response)
        is_unknown = any(complaint in text for complaint in _COMPLAINTS)
        if is_unknown:
            log.warning("the authorization server of %s does not accept its client", client.id)
        return not is_unknown


async def _read_complaint(response: ForeignResponse) -> str:
    """Return what a response says of an error, in lower case."""
    if "application/json" not in response.headers.get("content-type", ""):
        return response.text.lower()
    try:
        document = await response.decode_json()
    except RequestFailed:
        return ""
    if not isinstance(document, dict):
        return ""
    return " ".join(str(document.get(name) or "") for name in ("error", "error_description")).lower()
