"""Asking an app what it is: over HTTPS at a public address, or where the operator allows a private one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from fastback.kit.http import HttpError
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.settings import Settings

#: Largest answer (bytes), and how long it may take (seconds).
LARGEST, PATIENCE = 262_144, 10

_INVALID = "Invalid service URL"
_HTTPS = "App endpoints require HTTPS"
_REASONS = {
    _INVALID: "Invalid app URL. Use an HTTP(S) URL without credentials or a fragment.",
    _HTTPS: "App endpoints require HTTPS. For local HTTP, configure APP_ALLOWED_PRIVATE_ORIGINS.",
}
_PRIVATE = (
    "App resolves to a private or reserved address. For local development, configure APP_ALLOWED_PRIVATE_ORIGINS."
)
_TOO_LARGE = "App response exceeds the allowed size."
_NO_JSON = "App returned an invalid response. Expected JSON."


def _origin(url: str) -> str:
    """Raises: ValueError."""
    if any(char in url for char in "\\\r\n\t"):
        raise ValueError(_INVALID)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ValueError(_INVALID) from None
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise ValueError(_INVALID)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.lower()
    return f"{parts.scheme}://{host}:{port}"


class Apps:
    """Judges addresses of apps, and asks there."""

    def __init__(self, settings: Settings) -> None:
        self._private = {_origin(one.strip()) for one in settings.app_allowed_private_origins.split(",") if one.strip()}

    def check(self, url: str) -> bool:
        """Whether the address may be a private one.

        Raises:
            ValueError: nothing may be asked there.
        """
        origin = _origin(url)
        parts = urlsplit(url)
        if parts.query:
            raise ValueError("App URL must not contain a query")
        private = origin in self._private
        if parts.scheme != "https" and not (private and parts.scheme == "http"):
            raise ValueError(_HTTPS)
        return private

    async def ask(self, url: str, headers: dict[str, str]) -> tuple[int, Any]:
        """The status, and of a 200 the JSON.

        Raises:
            HttpError: 502 or 504, with what went wrong.
        """
        try:
            guard = WebGuard(allow_local=self.check(url))
            async with (
                aiohttp.ClientSession(
                    connector=guard.make_connector(), timeout=aiohttp.ClientTimeout(total=PATIENCE), trust_env=False
                ) as client,
                client.get(url, headers=headers, allow_redirects=False) as response,
            ):
                body = bytearray()
                async for piece in response.content.iter_chunked(16_384):
                    body += piece
                    if len(body) > LARGEST:
                        raise HttpError(502, _TOO_LARGE)
                if response.status != 200:
                    return response.status, None
                return 200, msgspec.json.decode(bytes(body)) if body else None
        except TimeoutError:
            raise HttpError(504, "App request timed out. Check that the app server is running and reachable.") from None
        except BlockedAddress:
            raise HttpError(502, _PRIVATE) from None
        except aiohttp.ClientSSLError:
            raise HttpError(502, "App TLS verification failed. Check its certificate and hostname.") from None
        except aiohttp.ClientConnectorDNSError:
            raise HttpError(502, "App hostname could not be resolved. Check DNS from the WebUI server.") from None
        except aiohttp.ClientConnectorError:
            words = "Could not reach the app server. Check its address, port and network access."
            raise HttpError(502, words) from None
        except aiohttp.ClientError:
            words = "The app connection failed before a complete response was received."
            raise HttpError(502, words) from None
        except ValueError as error:
            # Only words of our own are shown, never what an app has sent.
            raise HttpError(502, _REASONS.get(str(error), _NO_JSON)) from None
