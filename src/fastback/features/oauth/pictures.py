"""Pictures of users at providers, stored as data URIs. Their addresses are checked like those of web pages."""

from __future__ import annotations

import base64
import logging
from urllib.parse import urlsplit

import aiohttp

from fastback.features.oauth.errors import clean_reason
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.http.errors import Invalid
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.providers.response_body import read_response
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

log = logging.getLogger("fastback.oauth")

#: The picture of a user without one.
DEFAULT_PICTURE = "/user.png"
#: Bytes of a picture, seconds that it may take (a sign-in waits for it), and the number of redirects.
MAX_PICTURE_BYTES, TIMEOUT, _MAX_REDIRECTS = 1024 * 1024, 5.0, 3


class PictureFetcher:
    """Fetches pictures of users."""

    def __init__(self, guard: WebGuard, settings: Settings) -> None:
        self._guard = guard
        self._settings = settings

    async def fetch(self, url: str, *, token: str = "") -> str | None:
        """Return the picture at an address as a data URI, or None where that fails.

        `token` is an access token for the provider's own addresses. aiohttp drops it when another host redirects.
        """
        try:
            await self._guard.check_url(url)
            picture = await self._request(url, {"authorization": f"Bearer {token}"} if token else {})
            require_valid_picture(picture, self._settings)
        except BlockedAddress:
            reason = "its address may not be called"
        except Invalid:
            reason = "its type or its size is not allowed"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
        else:
            return picture
        log.warning("picture of a user skipped: %s: %s", urlsplit(url).hostname, clean_reason(reason))
        return None

    async def _request(self, url: str, headers: dict[str, str]) -> str:
        connector = self._guard.make_connector(ssl=build_client_ssl(self._settings))
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as client,
            client.get(
                url,
                headers=headers,
                allow_redirects=self._settings.aiohttp_client_allow_redirects,
                max_redirects=_MAX_REDIRECTS,
            ) as response,
        ):
            response.raise_for_status()
            content = await read_response(response, MAX_PICTURE_BYTES)
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
