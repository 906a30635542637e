"""Registration by administrators, and the way of users to authorization servers and back."""

from __future__ import annotations

import logging
import re
import secrets
from urllib.parse import quote, quote_plus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fastback.access.guards import AdminUser, MaybeUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.oauth_clients.authorization import Authorization, AuthorizationFailed
from fastback.features.oauth_clients.authorization_states import LIFETIME
from fastback.features.oauth_clients.authorization_url import NoAuthorizationEndpoint
from fastback.features.oauth_clients.clients import OAuthClient, OAuthClients
from fastback.features.oauth_clients.metadata import is_http_url
from fastback.features.oauth_clients.preflight import Preflight
from fastback.features.oauth_clients.registration import Registrar, RegistrationFailed, Target
from fastback.features.oauth_clients.schemas import Registration, RegistrationForm
from fastback.features.sessions.cookies import build_cookie
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound, Router
from fastback.settings import Settings

config_router = Router("/api/v1/configs/oauth/clients")
router = Router("/oauth/clients")

log = logging.getLogger("fastback.oauth")

_COOKIE, _COOKIE_PATH = "oauth-client-state", "/oauth/clients/"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_MESSAGE_LENGTH = 200
_UNRESOLVED = (
    "OAuth authorization endpoint could not be resolved for this client. Re-register the MCP server; its OAuth "
    "discovery documents may be missing or unreachable."
)


def _require_enabled(settings: Settings) -> None:
    if not settings.enable_tool_servers:
        raise Forbidden("Tool servers are disabled")


def _get_public_url(request: Request, config: Config) -> str:
    """Return the address of this server for browsers: the administrator's, else that of the request."""
    return (config.get_text(WEBUI_URL) or str(request.base_url)).rstrip("/")


def _build_redirect_uri(request: Request, config: Config, client_id: str) -> str:
    return f"{_get_public_url(request, config)}/oauth/clients/{quote(client_id, safe=':')}/callback"


@config_router.post("/register")
async def register_client(
    data: RegistrationForm,
    request: Request,
    user: AdminUser,
    config: Config,
    settings: Settings,
    registrar: Registrar,
    clients: OAuthClients,
    type: str | None = None,
) -> Registration:
    """Register a client at the authorization server of a tool server; with a secret, use the given credentials."""
    _require_enabled(settings)
    client_id = f"{type}:{data.client_id}" if type else data.client_id
    urls = tuple(dict.fromkeys(url for url in (data.oauth_server_url, data.url) if url))
    if not urls or not all(is_http_url(url) for url in urls):
        raise BadRequest("Failed to register OAuth client: the address of the server is invalid")
    target = Target(urls[0], _build_redirect_uri(request, config, client_id), urls[1:], data.oauth_scope)
    try:
        if data.client_secret:
            info = await registrar.build_static(target, data.client_id, data.client_secret)
        else:
            info = await registrar.register_dynamically(target)
    except RegistrationFailed as error:
        log.info("registration of OAuth client %s failed: %s", client_id, error)
        raise BadRequest(f"Failed to register OAuth client: {error}") from None
    return Registration(True, await clients.encrypt(info))


@router.get("/{client_id}/authorize")
async def begin_authorization(
    client_id: str,
    request: Request,
    user: VerifiedUser,
    config: Config,
    settings: Settings,
    authorization: Authorization,
    clients: OAuthClients,
    preflight: Preflight,
) -> Response:
    """Send a user to the authorization server of a tool server."""
    _require_enabled(settings)
    client = await authorization.find_client(client_id, user)
    if client is None:
        raise NotFound("Not Found")
    if not await preflight.is_valid(client):
        redirect_uri = _build_redirect_uri(request, config, client_id)
        client = await _register_again(client, redirect_uri, clients, preflight)
    browser = request.cookies.get(_COOKIE, "")
    if not _SECRET.fullmatch(browser):
        browser = secrets.token_urlsafe(32)
    try:
        url = await authorization.begin(client, user, browser)
    except NoAuthorizationEndpoint:
        log.warning("authorization at %s failed: its authorization server is unknown", client_id)
        raise BadRequest(_UNRESOLVED) from None
    response = RedirectResponse(url, status_code=302, headers={"Cache-Control": "no-store"})
    response.raw_headers.append((b"set-cookie", _build_cookie(settings, browser)))
    return response


async def _register_again(
    client: OAuthClient, redirect_uri: str, clients: OAuthClients, preflight: Preflight
) -> OAuthClient:
    """Return the client after it has been registered again.

    Raises:
        HttpError 502: the authorization server does not accept it.
    """
    log.info("OAuth client %s is not valid anymore, registering it again", client.id)
    try:
        registered = await clients.register_again(client, redirect_uri)
    except RegistrationFailed as error:
        log.warning("registration of OAuth client %s failed: %s", client.id, error)
        raise HttpError(502, "Failed to re-register OAuth client") from None
    if not await preflight.is_valid(registered):
        raise HttpError(502, "OAuth client registration is still invalid after re-registration")
    return registered


def _build_cookie(settings: Settings, value: str) -> bytes:
    """Return the cookie that binds authorizations to a browser; it comes back from another site, so never `strict`."""
    same_site = "none" if settings.cookie_same_site == "none" else "lax"
    return build_cookie(settings, _COOKIE, value, max_age=LIFETIME, path=_COOKIE_PATH, same_site=same_site)


@router.get("/{client_id}/callback")
async def finish_authorization(
    client_id: str,
    request: Request,
    user: MaybeUser,
    config: Config,
    settings: Settings,
    authorization: Authorization,
    clients: OAuthClients,
) -> Response:
    """Store the token of a user who comes back from an authorization server, and open the page."""
    _require_enabled(settings)
    client = await clients.find(client_id)
    if client is None:
        raise NotFound("Not Found")
    url = _get_public_url(request, config)
    browser = request.cookies.get(_COOKIE, "")
    try:
        await authorization.finish(client, request.query_params, browser=browser, requester=user)
    except AuthorizationFailed as error:
        message = " ".join(f"OAuth callback failed: {error}".split())
        if len(message) > _MAX_MESSAGE_LENGTH:
            message = f"{message[: _MAX_MESSAGE_LENGTH - 3]}..."
        log.warning("authorization at %s failed: %s", client_id, message)
        url = f"{url}/?error={quote_plus(message)}"
    return RedirectResponse(url, headers={"Cache-Control": "no-store"})
