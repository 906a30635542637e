"""Requests to tool servers and authorization servers: bounded, and only to allowed addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

from fastback.features.oauth_clients.address_policy import AddressPolicy, is_internal, uses_proxy
from fastback.kit.json_pieces import decode_body
from fastback.kit.web_guard import BlockedAddress
from fastback.providers.response_body import CONNECTION_ERRORS, BodyTooLarge, read_response
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

#: Bytes of a response, and seconds of a request.
MAX_BYTES, TIMEOUT_SECONDS = 1024 * 1024, 10.0
_MAX_REDIRECTS = 5
_REDIRECTS, _REPEATED = (301, 302, 303, 307, 308), (307, 308)


class RequestFailed(Exception):
    """A server cannot be reached, did not answer in time, or sent too much; the text says which."""


class ForeignResponse(msgspec.Struct, frozen=True):
    """A response. `url` is that of the last redirect; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    async def decode_json(self) -> Any:
        """Return the decoded body.

        Raises:
            RequestFailed: it is no JSON, or too large to decode.
        """
        try:
            return await decode_body(self.content)
        except ValueError:
            raise RequestFailed("the response is not JSON") from None


class ForeignRequests:
    """Sends requests for one tool server; `policy` decides which addresses they may reach."""

    def __init__(self, policy: AddressPolicy, settings: Settings) -> None:
        self.policy = policy
        self._settings = settings

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        follow: bool = False,
        read_body: bool = True,
        seconds: float = TIMEOUT_SECONDS,
    ) -> ForeignResponse:
        """Return the response of a server.

        With `follow`, redirects of GET requests are followed to allowed addresses, and those of other requests that
        repeat them to the same origin. Others are returned.

        Raises:
            RequestFailed: there is no response.
        """
        for _ in range(_MAX_REDIRECTS):
            response = await self._send_once(
                method, url, headers=headers, json=json, form=form, read_body=read_body, seconds=seconds
            )
            location = response.headers.get("location", "")
            if not follow or response.status not in _REDIRECTS or not location:
                return response
            target = urljoin(url, location)
            if method != "GET" and (response.status not in _REPEATED or not _have_same_origin(url, target)):
                return response
            url = target
        raise RequestFailed("too many redirects")

    async def _send_once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        json: Any,
        form: Mapping[str, str] | None,
        read_body: bool,
        seconds: float,
    ) -> ForeignResponse:
        has_proxy, addresses = uses_proxy(url), set[str]()
        try:
            if not has_proxy:
                await self.policy.get_guard(url).check_url(url)
            async with (
                aiohttp.ClientSession(
                    connector=self._make_connector(url, addresses, has_proxy=has_proxy),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    trust_env=has_proxy,
                ) as client,
                client.request(method, url, headers=headers, json=json, data=form, allow_redirects=False) as response,
            ):
                if not has_proxy:
                    self.policy.record_answer(url, addresses)
                content = await read_response(response, MAX_BYTES) if read_body else b""
                lower_headers = {name.lower(): value for name, value in response.headers.items()}
                if not read_body:
                    response.close()
                return ForeignResponse(url, response.status, lower_headers, content)
        except BlockedAddress:
            raise RequestFailed("its address is invalid or not allowed") from None
        except BodyTooLarge:
            raise RequestFailed(f"its response has more than {MAX_BYTES // 1024} kB") from None
        except TimeoutError:
            raise RequestFailed(f"it did not answer within {seconds:g} s") from None
        except (*CONNECTION_ERRORS, ValueError) as error:
            raise RequestFailed(_describe_error(error)) from None

    def _make_connector(self, url: str, addresses: set[str], *, has_proxy: bool) -> aiohttp.TCPConnector:
        """Return the connector of one request, which adds the addresses that it tries to `addresses`."""

        def create_socket(address: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, target = address
            addresses.add(str(target[0]))
            return socket.socket(family, kind, protocol)

        ssl = build_client_ssl(self._settings)
        if has_proxy:
            return aiohttp.TCPConnector(ssl=ssl)
        return self.policy.get_guard(url).make_connector(ssl=ssl, socket_factory=create_socket)


class RequestFactory:
    """Builds the `ForeignRequests` of tool servers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def build_requests(self, configured_urls: Iterable[str]) -> ForeignRequests:
        """Return what sends requests to a tool server with these addresses, of which nothing is known yet."""
        policy = AddressPolicy(configured_urls, allow_internal=self._settings.enable_local_web_fetch)
        return ForeignRequests(policy, self._settings)

    async def build_client_requests(
        self, configured_urls: Iterable[str], is_server_internal: bool | None
    ) -> ForeignRequests:
        """Return what sends requests for the client of a tool server.

        `is_server_internal` says where the server was when the client was registered; None: unknown.
        """
        urls = list(configured_urls)
        requests = self.build_requests(urls)
        if is_server_internal is None:
            is_server_internal = any([await is_internal(url) for url in urls])
        requests.policy.is_server_internal = is_server_internal
        return requests


def _have_same_origin(url: str, other: str) -> bool:
    parts, other_parts = urlsplit(url), urlsplit(other)
    return (parts.scheme, parts.netloc) == (other_parts.scheme, other_parts.netloc)


def _describe_error(error: Exception) -> str:
    """Return why a request failed, in few words and without its URL, which may have secrets."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return "it cannot be reached"
    return f"the connection failed ({type(error).__name__})"
