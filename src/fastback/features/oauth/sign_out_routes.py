"""`/api/v1/auths/signout`: the end of a session, and of the session at the provider that it began with."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from fastback.access.guards import read_token
from fastback.config import Config
from fastback.config.keys.oauth import OAUTH_END_SESSION_ENDPOINT
from fastback.features.auths.service import AccountService
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import ProviderError
from fastback.features.oauth.providers import Providers
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.features.sessions.cookies import build_removal_cookie
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.kit.http import Router
from fastback.kit.http.body import WithHeaders
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

router = Router("/api/v1/auths", wrap=protect_credentials)

_COOKIES = ("token", "owui-session", "oui-session", "oauth_id_token")
_SESSION_COOKIE = "oauth_session_id"


@router.post("/signout")
async def sign_out(
    request: Request,
    accounts: AccountService,
    settings: Settings,
    config: Config,
    providers: Providers,
    discovery: Discovery,
    sessions: OAuthSessions,
) -> WithHeaders[dict[str, Any]]:
    """End the session. `redirect_url` is where the browser goes next, to end the session at the provider, too."""
    session_id = request.cookies.get(_SESSION_COOKIE, "")
    session = await sessions.find(session_id) if session_id else None
    await accounts.sign_out(read_token(request), provider=session.provider if session else None)
    cookies = [build_removal_cookie(name) for name in _COOKIES]
    redirect_url = settings.webui_auth_signout_redirect_url
    if session_id:
        cookies.append(build_removal_cookie(_SESSION_COOKIE))
        redirect_url = (
            config.get_text(OAUTH_END_SESSION_ENDPOINT)
            or await _find_end_session_url(session, settings, providers, discovery)
            or redirect_url
        )
    answer: dict[str, Any] = {"status": True} | ({"redirect_url": redirect_url} if redirect_url else {})
    return WithHeaders(answer, [(b"set-cookie", cookie) for cookie in cookies])


async def _find_end_session_url(
    session: OAuthSession | None, settings: Settings, providers: Providers, discovery: Discovery
) -> str | None:
    """Return the address at the provider that ends the session there, or None.

    Providers without metadata have none; the reference then asks the OpenID provider.
    """
    if session is None:
        return None
    provider = providers.find_configured(session.provider)
    if provider is None or provider.metadata is not None:
        provider = providers.find_configured("oidc")
    if provider is None:
        return None
    try:
        endpoint = (await discovery.get_metadata(provider)).end_session_endpoint
    except ProviderError as error:
        log.warning("sign-out at %s skipped: %s", provider.name, error)
        return None
    if not endpoint:
        return None
    parameters = {}
    id_token = session.token.get("id_token")
    if isinstance(id_token, str) and id_token:
        parameters["id_token_hint"] = id_token
    else:
        parameters["client_id"] = provider.client_id
    if settings.webui_auth_signout_redirect_url:
        parameters["post_logout_redirect_uri"] = settings.webui_auth_signout_redirect_url
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"
