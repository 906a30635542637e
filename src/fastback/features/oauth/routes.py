"""`/oauth/{provider}`: the way to a provider, and the way back."""

from __future__ import annotations

import logging
import time
from urllib.parse import quote_plus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fastback import messages
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.oauth.errors import ProviderError, SignInRefused
from fastback.features.oauth.libraries import load_libraries
from fastback.features.oauth.pending_sign_ins import PendingSignIns
from fastback.features.oauth.providers import Provider, Providers
from fastback.features.oauth.sign_ins import CompletedSignIn, OAuthSignIns, find_pending
from fastback.features.second_factors.challenge_cookie import build_challenge_cookie
from fastback.features.sessions.cookies import build_cookie, build_removal_cookie
from fastback.features.sessions.schemas import NextStep
from fastback.kit.db import DatabaseError
from fastback.kit.http import HttpError, NotFound, Router
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

router = Router("/oauth")

#: Bytes of a cookie that browsers store.
_MAX_COOKIE = 4096
_CALLBACK = "{base}/oauth/{provider}/callback"


def _get_provider(providers: Providers, name: str) -> Provider:
    provider = providers.find(name)
    if provider is None:
        raise NotFound("Not Found")
    return provider


def _get_page_url(config: Config, request: Request) -> str:
    """Return the address of the sign-in page."""
    base_url = config.get_text(WEBUI_URL) or str(request.base_url)
    return f"{base_url.rstrip('/')}/auth"


def _redirect(url: str, cookies: list[bytes], status: int = 307) -> Response:
    response = RedirectResponse(url, status, headers={"cache-control": "no-store"})
    response.raw_headers.extend((b"set-cookie", cookie) for cookie in cookies)
    return response


def _describe_error(error: Exception) -> str:
    """Return the text of a failure that the sign-in page shows."""
    if isinstance(error, SignInRefused):
        return error.detail
    if isinstance(error, ProviderError):
        return messages.OAUTH_LOGIN_FAILED
    if isinstance(error, HttpError) and isinstance(error.detail, str):
        return error.detail
    return messages.wrap_reason("Error during OAuth process")


def _log_failure(provider: str, error: Exception) -> None:
    if isinstance(error, SignInRefused | ProviderError | HttpError):
        log.warning("sign-in by %s failed: %s", provider, error)
    else:
        log.error("sign-in by %s failed", provider, exc_info=error)


@router.get("/{provider}/login")
async def begin_sign_in(
    provider: str,
    request: Request,
    providers: Providers,
    sign_ins: OAuthSignIns,
    pending_sign_ins: PendingSignIns,
    config: Config,
) -> Response:
    configured = _get_provider(providers, provider)
    await load_libraries()
    redirect_uri = _CALLBACK.format(base=str(request.base_url).rstrip("/"), provider=configured.name)
    try:
        url, pending = await sign_ins.begin(configured, redirect_uri)
    except ProviderError as error:
        _log_failure(provider, error)
        return _redirect(f"{_get_page_url(config, request)}?error={quote_plus(_describe_error(error))}", [])
    entries = [*pending_sign_ins.read(request.cookies), pending]
    return _redirect(url, [pending_sign_ins.build_cookie(entries)], 302)


@router.get("/{provider}/login/callback", "/{provider}/callback")
async def complete_sign_in(
    provider: str,
    request: Request,
    providers: Providers,
    sign_ins: OAuthSignIns,
    pending_sign_ins: PendingSignIns,
    config: Config,
    settings: Settings,
) -> Response:
    configured = _get_provider(providers, provider)
    await load_libraries()
    entries = pending_sign_ins.read(request.cookies)
    pending = find_pending(entries, request.query_params.get("state"))
    cookies = [pending_sign_ins.build_cookie([entry for entry in entries if entry is not pending])] if entries else []
    page_url = _get_page_url(config, request)
    try:
        completed = await sign_ins.complete(configured, pending, request.query_params)
    except DatabaseError:
        raise
    except Exception as error:  # the browser must see the sign-in page, whatever fails
        _log_failure(provider, error)
        return _redirect(f"{page_url}?error={quote_plus(_describe_error(error))}", cookies)
    if isinstance(completed.result, NextStep):
        return _redirect_to_next_step(page_url, completed.result, cookies, settings)
    return _redirect(page_url, [*cookies, *_build_session_cookies(completed, settings)])


def _redirect_to_next_step(page_url: str, step: NextStep, cookies: list[bytes], settings: Settings) -> Response:
    cookies = [*cookies, build_removal_cookie("token")]
    if step.next_step == "pending":
        return _redirect(f"{page_url}?pending=1", cookies)
    challenge = build_challenge_cookie(settings, step.challenge_token)
    return _redirect(f"{page_url}?mfa=1", [*cookies, challenge])


def _build_session_cookies(completed: CompletedSignIn, settings: Settings) -> list[bytes]:
    """Return the cookies of a completed sign-in. The page reads `token`, and its next request hides it from scripts."""
    assert not isinstance(completed.result, NextStep)
    expires_at = completed.result.expires_at
    max_age = None if expires_at is None else expires_at - int(time.time())
    cookies = [
        build_cookie(settings, "token", completed.result.token, max_age=max_age, http_only=False),
        build_cookie(settings, "oauth_session_id", completed.session.id, max_age=max_age),
    ]
    id_token = completed.session.token.get("id_token")
    if settings.enable_oauth_id_token_cookie and isinstance(id_token, str) and id_token:
        if len(id_token) < _MAX_COOKIE and id_token.isascii() and ";" not in id_token:
            cookies.append(build_cookie(settings, "oauth_id_token", id_token, max_age=max_age))
        else:
            log.debug("ID token of %d characters is too long for a cookie, skipped", len(id_token))
    return cookies
