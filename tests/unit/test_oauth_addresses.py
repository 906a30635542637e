"""Which addresses a tool server may lead requests to."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
from aiohttp import web

from fastback.features.oauth_clients import foreign_requests
from fastback.features.oauth_clients.address_policy import AddressPolicy, is_internal, uses_proxy
from fastback.features.oauth_clients.discovery import Discovery, DiscoveryFailed, InvalidDocument
from fastback.features.oauth_clients.foreign_requests import MAX_BYTES, ForeignRequests, RequestFactory, RequestFailed
from fastback.features.oauth_clients.metadata import ResourceMetadata
from fastback.kit.web_guard import BlockedAddress
from fastback.settings import Environment, load_settings
from stub_server import serve_handler

SETTINGS = load_settings(Environment({}))
ADDRESSES = {
    "public.test": "93.184.216.34",
    "inside.test": "10.0.0.7",
    "clouds.test": "169.254.169.254",
    "chat.test": "93.184.216.35",
}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve the names of the tests."""

    async def resolve(_: Any, host: str, *__: Any, **___: Any) -> list[Any]:
        if host not in ADDRESSES and not host.startswith(tuple("0123456789:")):
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESSES.get(host, host), 0))]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)


async def list_blocked(policy: AddressPolicy, *urls: str) -> list[str]:
    blocked = []
    for url in urls:
        try:
            await policy.get_guard(url).check_url(url)
        except BlockedAddress:
            blocked.append(url)
    return blocked


@pytest.mark.usefixtures("names")
async def test_a_public_server_leads_nowhere_inside() -> None:
    policy = AddressPolicy(["https://public.test/mcp"])
    policy.record_answer("https://public.test/mcp", {"93.184.216.34"})
    inside = ["https://inside.test", "http://127.0.0.1:9", "http://10.0.0.7", "https://clouds.test", "http://[::1]"]
    assert await list_blocked(policy, "https://chat.test/authorize", *inside) == inside
    for url, addresses in (
        ("https://public.test/mcp", {"93.184.216.34", "10.0.0.7"}),
        ("https://other.test", {"10.0.0.7"}),
        ("https://public.test/mcp", set()),
    ):
        policy.record_answer(url, addresses)
        assert not policy.allows_internal, "an answer from inside, and of the tool server, is what counts"


@pytest.mark.usefixtures("names")
async def test_a_server_that_answers_from_inside_leads_there() -> None:
    policy = AddressPolicy(["http://inside.test/mcp"])
    assert await list_blocked(policy, "http://inside.test/mcp", "http://10.0.0.8/id") == ["http://10.0.0.8/id"]
    policy.record_answer("http://inside.test/.well-known", {"10.0.0.7"})
    assert await list_blocked(policy, "http://10.0.0.8/id", "https://clouds.test") == ["https://clouds.test"]
    assert await list_blocked(AddressPolicy([], allow_internal=True), "http://10.0.0.8/id") == []


@pytest.mark.usefixtures("names")
async def test_of_older_clients_the_present_addresses_count() -> None:
    factory = RequestFactory(SETTINGS)
    for is_server_internal, url, allows_internal in (
        (None, "http://inside.test/mcp", True),
        (None, "https://public.test/mcp", False),
        (None, "https://unknown.test", False),
        (False, "http://inside.test/mcp", False),
        (True, "https://public.test/mcp", True),
    ):
        requests = await factory.build_client_requests([url], is_server_internal)
        assert requests.policy.allows_internal is allows_internal, url
    assert not await is_internal("https://[") and not await is_internal("")
    assert await is_internal("http://[::1]/mcp")


def test_proxies_of_the_environment_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "inside.test")
    assert uses_proxy("https://public.test") and not uses_proxy("https://inside.test")
    assert not uses_proxy("http://public.test")


async def test_redirects_to_forbidden_addresses_are_not_followed() -> None:
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": "http://169.254.169.254/latest"})

    async with serve_handler(redirect) as url:
        requests = RequestFactory(SETTINGS).build_requests([url])
        with pytest.raises(RequestFailed, match="not allowed"):
            await requests.send("GET", url, follow=True)
        assert (await requests.send("GET", url)).status == 302


async def test_redirects_end_and_secrets_are_not_sent_on() -> None:
    paths: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        paths.append(f"{request.method} {request.host}")
        return web.Response(status=307, headers={"location": "/" if request.method == "GET" else f"{other}/"})

    async with serve_handler(redirect) as url, serve_handler(redirect) as other:
        requests = ForeignRequests(AddressPolicy([url]), SETTINGS)
        with pytest.raises(RequestFailed, match="too many redirects"):
            await requests.send("GET", url, follow=True)
        paths.clear()
        response = await requests.send("POST", url, form={"client_secret": "s3cret"}, follow=True)
        assert response.status == 307 and len(paths) == 1


async def test_responses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            await asyncio.sleep(30)
        if request.path == "/large":
            return web.Response(body=b" " * (MAX_BYTES + 1))
        if request.path == "/endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" " * 65_536)
        if request.path == "/nested":
            return web.Response(body=b"[" * 500_000)
        return web.Response(body=b"{" + b'"a":1,' * 100_000)

    async with serve_handler(answer) as url:
        requests = ForeignRequests(AddressPolicy([url]), SETTINGS)
        started = time.monotonic()
        with pytest.raises(RequestFailed, match=r"did not answer within 0\.2 s"):
            await requests.send("GET", f"{url}/slow", seconds=0.2)
        for path in ("large", "endless"):
            with pytest.raises(RequestFailed, match="more than 1024 kB"):
                await requests.send("GET", f"{url}/{path}")
        for path in ("nested", "broken"):
            response = await requests.send("GET", f"{url}/{path}")
            with pytest.raises(RequestFailed, match="not JSON"):
                await response.decode_json()
        assert time.monotonic() - started < 5
        with pytest.raises(RequestFailed, match="cannot be reached"):
            await requests.send("GET", "http://127.0.0.1:9/")
        assert requests.policy.is_server_internal
    assert foreign_requests.TIMEOUT_SECONDS <= 10


async def test_a_document_of_another_issuer_is_refused() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=401)
        if "oauth-authorization-server" not in request.path:
            return web.Response(status=404)
        return web.json_response(dict.fromkeys(("issuer", *ENDPOINTS), "https://bank.test"))

    async with serve_handler(answer) as url:
        discovery = Discovery(ForeignRequests(AddressPolicy([url]), SETTINGS))
        with pytest.raises(DiscoveryFailed, match=r"names another issuer, https://bank\.test"):
            await discovery.find_server(f"{url}/mcp", ResourceMetadata())


ENDPOINTS = ("authorization_endpoint", "token_endpoint")


async def test_a_server_without_metadata_has_the_endpoints_of_the_first_version() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=404)

    async with serve_handler(answer) as url:
        discovery = Discovery(ForeignRequests(AddressPolicy([url]), SETTINGS))
        assert await discovery.find_resource(f"{url}/mcp") == ResourceMetadata()
        discovered = await discovery.find_server(f"{url}/mcp", ResourceMetadata())
        assert discovered.url is None and discovered.metadata.registration_endpoint == f"{url}/register"
        with pytest.raises(DiscoveryFailed, match="Could not discover"):
            await discovery.find_server(f"{url}/mcp", ResourceMetadata(authorization_servers=[f"{url}/id"]))


async def test_a_public_server_that_names_another_resource_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            challenge = f'Bearer error="invalid_token", resource_metadata="{url}/about"'
            return web.Response(status=401, headers={"www-authenticate": challenge})
        assert request.path == "/about"
        return web.json_response({"resource": "https://bank.test", "authorization_servers": ["https://bank.test"]})

    async with serve_handler(answer) as url:
        discovery = Discovery(ForeignRequests(AddressPolicy([url]), SETTINGS))
        inside = await discovery.find_resource(f"{url}/mcp")
        assert inside.resource == "https://bank.test", "names inside of a network often differ"

        monkeypatch.setattr(AddressPolicy, "record_answer", lambda *_: None)
        discovery = Discovery(ForeignRequests(AddressPolicy([url]), SETTINGS))
        with pytest.raises(DiscoveryFailed, match=r"another resource, https://bank\.test"):
            await discovery.find_resource(f"{url}/mcp")
        assert (await discovery.find_resource(f"{url}/mcp", other_urls=("https://bank.test/mcp",))).resource


async def test_all_invalid_documents_are_one_failure() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response([] if "oauth" in request.path else {"issuer": 5})

    async with serve_handler(answer) as url:
        discovery = Discovery(ForeignRequests(AddressPolicy([url]), SETTINGS))
        with pytest.raises(DiscoveryFailed, match="not a JSON object"):
            await discovery.find_server(url, ResourceMetadata())
        assert issubclass(InvalidDocument, ValueError)
