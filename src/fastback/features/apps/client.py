"""Fetch JSON from an app: over HTTPS at a public address, or at a private origin that the operator allows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp

from fastback.kit.http import HttpError
from fastback.kit.json_decoding import decode_json
from fastback.kit.web_guard import BlockedAddress, WebGuard
from fastback.settings import Settings

#: Largest response (bytes), and time limit of a request (seconds).
MAX_RESPONSE_BYTES, TIMEOUT_SECONDS = 262_144, 10

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


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read a body of bounded size.

    Raises:
        HttpError 502: it is larger.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(16_384):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise HttpError(502, _TOO_LARGE)
    return bytes(body)


def _parse_origin(url: str) -> str:
    """Return scheme, host and port of a URL.

    Raises:
        ValueError: the URL is invalid, or holds credentials or a fragment.
    """
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


async def _refuse_redirect(*_: object) -> None:
    raise ValueError("App endpoint must not redirect")


class AppClient:
    """Validate addresses of apps, and send requests to them."""

    def __init__(self, settings: Settings) -> None:
        origins = settings.app_allowed_private_origins.split(",")
        self._private_origins = {_parse_origin(origin.strip()) for origin in origins if origin.strip()}

    def check_url(self, url: str) -> bool:
        """Return whether the address may be a private one.

        Raises:
            ValueError: requests to this address are not allowed.
        """
        origin = _parse_origin(url)
        parts = urlsplit(url)
        if parts.query:
            raise ValueError("App URL must not contain a query")
        is_private = origin in self._private_origins
        if parts.scheme != "https" and not (is_private and parts.scheme == "http"):
            raise ValueError(_HTTPS)
        return is_private

    def open_session(self, url: str) -> aiohttp.ClientSession:
        """Return a client of an app that connects to allowed addresses only and follows no redirects.

        Raises:
            ValueError: requests to this address are not allowed.
        """
        guard = WebGuard(allow_local=self.check_url(url))
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_refuse_redirect)
        return aiohttp.ClientSession(connector=guard.make_connector(), trace_configs=[trace], trust_env=False)

    async def fetch_json(self, url: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Return the status and, for status 200, the decoded JSON.

        Raises:
            HttpError 502 or 504: the request failed; the text says why.
        """
        try:
            guard = WebGuard(allow_local=self.check_url(url))
            async with (
                aiohttp.ClientSession(
                    connector=guard.make_connector(),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                    trust_env=False,
                ) as client,
                client.get(url, headers=headers, allow_redirects=False) as response,
            ):
                body = await _read_body(response)
                if response.status != 200:
                    return response.status, None
                return 200, decode_json(body) if body else None
        except TimeoutError:
            raise HttpError(504, "App request timed out. Check that the app server is running and reachable.") from None
        except BlockedAddress:
            raise HttpError(502, _PRIVATE) from None
        except aiohttp.ClientSSLError:
            raise HttpError(502, "App TLS verification failed. Check its certificate and hostname.") from None
        except aiohttp.ClientConnectorDNSError:
            raise HttpError(502, "App hostname could not be resolved. Check DNS from the WebUI server.") from None
        except aiohttp.ClientConnectorError:
            detail = "Could not reach the app server. Check its address, port and network access."
            raise HttpError(502, detail) from None
        except aiohttp.ClientError:
            detail = "The app connection failed before a complete response was received."
            raise HttpError(502, detail) from None
        except ValueError as error:
            # Only our own texts are shown, never what an app sent.
            raise HttpError(502, _REASONS.get(str(error), _NO_JSON)) from None
