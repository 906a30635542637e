"""Requests to image engines: limited in time and size, with errors that users may read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

from fastback.media.engine_client import MAX_RESPONSE_BYTES, EngineError
from fastback.media.images.pictures import (
    MAX_PICTURE_BYTES,
    EncodedPicture,
    InvalidPicture,
    Picture,
    PictureSource,
    RemotePicture,
    build_picture,
    decode_picture,
)
from fastback.providers.request_encoding import encode_request
from fastback.providers.response_body import BodyTooLarge, read_beginning, read_json_response, read_response
from fastback.retrieval.web.fetcher import WebFetcher

log = logging.getLogger("fastback.images")

#: Seconds that an engine may take where the settings have no limit: pictures take minutes without a graphics card.
DEFAULT_SECONDS = 30 * 60.0
#: Seconds to connect.
_CONNECT_SECONDS = 30.0
#: Characters of an engine's error that the log shows.
_MAX_LOGGED = 500
_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NO_PICTURE = "The image engine returned something that is no image"


class ImageEngineError(EngineError):
    """An image engine failed; the text is for users and names no address."""


class EngineRequests:
    """Send requests to image engines that administrators have configured."""

    def __init__(self, client: aiohttp.ClientSession, fetcher: WebFetcher, timeout: float | None) -> None:
        """`timeout`: seconds that a response may take in all; None for `DEFAULT_SECONDS`."""
        self.client = client
        self._fetcher = fetcher
        self.timeout = aiohttp.ClientTimeout(total=timeout or DEFAULT_SECONDS, sock_connect=_CONNECT_SECONDS)

    async def send_json(self, url: str, body: Any, headers: Mapping[str, str]) -> Any:
        """Send JSON by POST and return the decoded response.

        Raises:
            ImageEngineError: the engine cannot be reached, refuses, or does not respond with JSON.
        """
        content = await encode_request(body)
        all_headers = {**headers, "Content-Type": "application/json"}
        if content.is_sliced:
            all_headers["Content-Length"] = str(content.size)
        return await self._request("POST", url, all_headers, content.data)

    async def send_form(self, url: str, form: aiohttp.FormData, headers: Mapping[str, str]) -> Any:
        """Send a form by POST and return the decoded response.

        Raises:
            ImageEngineError: as `send_json`.
        """
        return await self._request("POST", url, headers, form)

    async def get_json(self, url: str, headers: Mapping[str, str]) -> Any:
        """Return a decoded response.

        Raises:
            ImageEngineError: as `send_json`.
        """
        return await self._request("GET", url, headers, None)

    async def _request(self, method: str, url: str, headers: Mapping[str, str], data: Any) -> Any:
        try:
            async with self.client.request(method, url, headers=headers, data=data, timeout=self.timeout) as response:
                if response.status >= 400:
                    raise await _build_refusal(response)
                return await read_json_response(response, MAX_RESPONSE_BYTES)
        except msgspec.DecodeError as error:
            log.warning("image engine %s: the response is not JSON: %s", url, error)
            raise ImageEngineError("The image engine did not respond with JSON") from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise describe_failure(url, error) from error

    async def load_picture(self, source: PictureSource) -> Picture:
        """Return a picture that an engine has returned.

        Raises:
            ImageEngineError: it cannot be loaded, is no picture, or too large.
        """
        try:
            if isinstance(source, EncodedPicture):
                return await decode_picture(source.text)
            return await self._fetch_picture(source)
        except InvalidPicture as error:
            log.warning("image engine returned no usable picture: %s", error)
            raise ImageEngineError(_NO_PICTURE) from error

    async def _fetch_picture(self, source: RemotePicture) -> Picture:
        url = source.url
        try:
            if has_same_origin(url, source.engine_url):
                async with self.client.get(
                    url, headers=source.headers, timeout=self.timeout, allow_redirects=False
                ) as response:
                    location = response.headers.get("location")
                    if response.status not in _REDIRECTS or not location:
                        return await _read_picture(response)
                    url = urljoin(url, location)
            # Whatever else an engine names is an address of the web, and gets no credentials.
            async with self._fetcher.open_client() as client, self._fetcher.open_url(client, url) as response:
                return await _read_picture(response)
        except InvalidPicture:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise describe_failure(url, error) from error


async def _read_picture(response: aiohttp.ClientResponse) -> Picture:
    """Return the picture of a response. Raises: ImageEngineError, InvalidPicture."""
    if response.status >= 300:
        raise await _build_refusal(response)
    content = await read_response(response, MAX_PICTURE_BYTES)
    return build_picture(content, response.headers.get("content-type", ""))


async def _build_refusal(response: aiohttp.ClientResponse) -> ImageEngineError:
    """Return the error for a response without a status of success; the log shows what the engine says."""
    beginning = (await read_beginning(response, 4 * _MAX_LOGGED)).decode("utf-8", "replace")[:_MAX_LOGGED]
    log.warning("image engine %s: HTTP %d: %s", response.url.origin(), response.status, beginning)
    return ImageEngineError(response.reason or _get_phrase(response.status))


def _get_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"


def describe_failure(url: str, error: Exception) -> ImageEngineError:
    """Return the error for a request without a usable response, and log its cause."""
    log.warning("image engine %s: request failed: %s", url, str(error) or type(error).__name__)
    if isinstance(error, TimeoutError):
        return ImageEngineError("The image engine did not respond in time")
    if isinstance(error, BodyTooLarge):
        return ImageEngineError("The response of the image engine is too large")
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return ImageEngineError(_get_phrase(error.status))
    if isinstance(error, aiohttp.ClientConnectorError):
        return ImageEngineError("The image engine cannot be reached")
    if isinstance(error, ValueError):  # an address that aiohttp rejects, or one that is not allowed
        return ImageEngineError("The address is invalid, or may not be called")
    return ImageEngineError("The connection to the image engine was interrupted")


def has_same_origin(url: str, base_url: str) -> bool:
    """Return whether two addresses have the same scheme, host and port."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        ports = [part.port or _DEFAULT_PORTS.get(part.scheme) for part in (parts, base)]
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme, parts.hostname, ports[0]) == (base.scheme, base.hostname, ports[1])
