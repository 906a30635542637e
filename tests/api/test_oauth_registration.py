"""Registration at authorization servers that answer oddly, and verification of tool servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from conftest import Person
from fastback.features.oauth_clients import discovery, foreign_requests
from oauth_servers import Browser, OAuthMcpServer, build_connection, connect, read_query, register
from odd_oauth_server import OddServer, sign_in
from stub_server import serve_handler

REGISTER = "/api/v1/configs/oauth/clients/register"
VERIFY = "/api/v1/configs/tool_servers/verify"
FAILED = "Failed to register OAuth client: "


@pytest.fixture
async def odd() -> AsyncIterator[OddServer]:
    server = OddServer()
    async with serve_handler(server.answer) as server.url:
        yield server


@pytest.fixture
def database() -> str:
    return "sqlite"


async def test_a_server_is_verified(ada: Person, bob: Person, odd: OddServer) -> None:
    birds = OAuthMcpServer()
    connection = build_connection("birds", birds.url, "")
    async with birds.run():
        for auth_type in ("oauth_2.1", "oauth_2.1_static"):
            verified = (await ada.post(VERIFY, {**connection, "auth_type": auth_type})).ok()
            assert verified["status"] is True
            metadata = verified["oauth_server_metadata"]
            assert metadata["token_endpoint"] == f"{birds.origin}/token" and metadata["op_tos_uri"] is None
        (await bob.post(VERIFY, connection)).refused(401)
    (await ada.post(VERIFY, connection)).refused(400, "Failed to connect to the tool server")
    odd.metadata = {"issuer": "https://bank.test"}
    place = f"{odd.url}/.well-known/oauth-authorization-server"
    refused = await ada.post(VERIFY, {**connection, "url": f"{odd.url}/mcp"})
    refused.refused(400, f"Failed to parse OAuth 2.1 discovery document from {place}")
    for url in ("", "nowhere", "ftp://a.test", "javascript:alert(1)"):
        (await ada.post(VERIFY, {**connection, "url": url})).refused(400, "Failed to connect to the tool server")


@pytest.mark.parametrize(
    ("metadata", "detail"),
    [
        ({"issuer": "https://bank.test"}, "names another issuer, https://bank.test"),
        ({"issuer": None}, "issuer is missing or no HTTP(S) URL"),
        ({"token_endpoint": "javascript:alert(1)"}, "token_endpoint is missing or no HTTP(S) URL"),
        ({"authorization_endpoint": ["x"]}, "authorization_endpoint is missing or no HTTP(S) URL"),
        ({"registration_endpoint": "http://169.254.169.254/"}, "its address is invalid or not allowed"),
        ({"registration_endpoint": "http://127.0.0.1:9/"}, "it cannot be reached"),
        ({"padding": "x" * foreign_requests.MAX_BYTES}, "Could not"),
    ],
)
async def test_hostile_metadata_is_refused(ada: Person, odd: OddServer, metadata: dict[str, Any], detail: str) -> None:
    odd.metadata = metadata
    odd.registration = lambda _: web.Response(status=404)
    refusal = (await ada.post(REGISTER, {"url": f"{odd.url}/mcp", "client_id": "odd"})).refused(400)
    if detail == "Could not":  # too large to be read, so the server has the endpoints of the first version
        assert refusal == "Failed to register OAuth client: Error parsing client registration response"
    else:
        assert refusal.startswith(FAILED) and refusal.endswith(detail)


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        (
            (400, '{"error": "invalid_redirect_uri"}'),
            'Dynamic client registration failed: {"error": "invalid_redirect_uri"}',
        ),
        ((403, "x" * 9_000), f"Dynamic client registration failed: {'x' * 500}"),
        ((200, "[]"), "Dynamic client registration failed: the response is invalid: there is no client_id"),
        ((200, '{"client_id": 5, "client_secret": "hidden"}'), "the response is invalid: there is no client_id"),
        ((500, ""), "Error parsing client registration response"),
        (
            (201, '{"client_id": "c", "client_secret": "hidden", "token_endpoint_auth_method": "private_key_jwt"}'),
            "Dynamic client registration failed: the response is invalid: "
            "Invalid enum value 'private_key_jwt' - at `$.token_endpoint_auth_method`",
        ),
    ],
)
async def test_a_failed_registration_says_why(
    ada: Person, odd: OddServer, response: tuple[int, str], detail: str
) -> None:
    odd.registration = lambda _: web.Response(status=response[0], text=response[1])
    refusal = (await ada.post(REGISTER, {"url": f"{odd.url}/mcp", "client_id": "odd"})).refused(400)
    assert refusal.startswith(FAILED) and refusal.endswith(detail)
    assert "hidden" not in refusal


async def test_addresses_that_are_none_are_refused(ada: Person) -> None:
    for url in ("", "nowhere", "file:///etc/passwd", "http://", "https://u:p@a.test"):
        reply = await ada.post(REGISTER, {"url": url, "client_id": "odd"})
        reply.refused(400, f"{FAILED}the address of the server is invalid")


async def test_a_slow_server_ends_the_registration(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    monkeypatch.setattr(discovery, "DISCOVERY_SECONDS", 0.5)
    async with serve_handler(hang) as url:
        (await ada.post(REGISTER, {"url": url, "client_id": "odd"})).refused(400, f"{FAILED}discovery took too long")


async def test_a_server_that_changes_the_address_of_return_changes_nothing(ada: Person, odd: OddServer) -> None:
    odd.registration = lambda body: web.json_response(
        {
            **body,
            "client_id": "c1",
            "redirect_uris": ["https://evil.test"],
            "issuer": 5,
            "resource": "https://evil.test",
        }
    )
    await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
    query = read_query(await Browser(ada).begin("mcp:odd"))
    assert query["redirect_uri"] == f"{ada.url}/oauth/clients/mcp:odd/callback" and "resource" not in query


async def test_the_address_of_the_server_for_browsers_is_configured(ada: Person, odd: OddServer) -> None:
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "WEBUI_URL": "https://chat.test/"})).ok()
    await register(ada, "odd", f"{odd.url}/mcp")
    (registration,) = odd.registrations
    assert registration["redirect_uris"] == ["https://chat.test/oauth/clients/mcp:odd/callback"]
    assert registration["application_type"] == "web"


async def test_credentials_are_sent_as_the_server_wants_them(ada: Person, odd: OddServer) -> None:
    for methods, in_body, in_header in (
        (["client_secret_post"], True, False),
        (["client_secret_basic"], False, True),
        (["none"], False, False),
    ):
        odd.metadata = {"token_endpoint_auth_methods_supported": methods}
        await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
        assert await sign_in(ada, odd) == ""
        form, header = odd.forms[-1]
        assert (form.get("client_secret") == "s3cret:+%&") is in_body
        assert (header == "Basic YzE6czNjcmV0JTNBJTJCJTI1Jg==") is in_header
        assert ("client_id" in form) is not in_header
        assert form["code_verifier"] and form["grant_type"] == "authorization_code"


async def test_servers_without_pkce_get_none(ada: Person, odd: OddServer) -> None:
    odd.metadata = {"code_challenge_methods_supported": ["plain"]}
    await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
    assert "code_challenge" not in read_query(await Browser(ada).begin("mcp:odd"))
    assert await sign_in(ada, odd) == "" and "code_verifier" not in odd.forms[-1][0]


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (400, '{"error": "invalid_grant", "error_description": "too late"}', "invalid_grant: too late"),
        (200, '{"error": "bad_code"}', "bad_code"),
        (200, "{}", "Token exchange failed: Unknown error"),
        (200, '{"access_token": 5}', "Token exchange failed: Unknown error"),
        (200, '{"access_token": "a\\r\\nX-Evil: 1"}', "Token exchange failed: the access token is invalid"),
        (200, "[]", "the response is not a JSON object"),
        (200, "<html>", "the response is not JSON"),
        (503, "busy", "Upstream provider returned 503"),
        (302, "", "the response is not JSON"),
    ],
)
async def test_a_failed_exchange_is_shown(ada: Person, odd: OddServer, status: int, text: str, error: str) -> None:
    await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
    odd.tokens = lambda: web.Response(status=status, text=text)
    assert await sign_in(ada, odd) == f"OAuth callback failed: {error}"
    (await ada.get(f"/api/v1/users/{ada.id}/oauth/sessions")).refused(400)


async def test_a_client_that_cannot_be_registered_again_is_reported(ada: Person, odd: OddServer) -> None:
    await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
    odd.authorization = lambda: web.Response(status=400, text="Unknown client id")  # type: ignore[assignment]
    path = "/oauth/clients/mcp:odd/authorize"
    detail = "OAuth client registration is still invalid after re-registration"
    (await ada.get(path)).refused(502, detail)
    odd.registration = lambda _: web.Response(status=500)
    (await ada.get(path)).refused(502, "Failed to re-register OAuth client")
    robots = {"cf-mitigated": "challenge"}
    odd.authorization = lambda: web.Response(status=403, text="client id", headers=robots)  # type: ignore[assignment]
    assert (await ada.get(path)).status == 302, "a page against robots says nothing about the client"


class TestWithoutToolServers:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_TOOL_SERVERS": "false"}

    async def test_nothing_is_registered(self, ada: Person) -> None:
        disabled = "Tool servers are disabled"
        (await ada.post(REGISTER, {"url": "https://a.test", "client_id": "a"})).refused(403, disabled)
        (await ada.get("/oauth/clients/mcp:a/authorize")).refused(403, disabled)
        (await ada.get("/oauth/clients/mcp:a/callback")).refused(403, disabled)


class TestCookies:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"WEBUI_AUTH_COOKIE_SAME_SITE": "strict", "WEBUI_AUTH_COOKIE_SECURE": "true"}

    async def test_the_cookie_comes_back_from_the_authorization_server(self, ada: Person, odd: OddServer) -> None:
        await connect(ada, build_connection("odd", f"{odd.url}/mcp", await register(ada, "odd", f"{odd.url}/mcp")))
        cookie = (await ada.get("/oauth/clients/mcp:odd/authorize")).headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" in cookie
        assert "Path=/oauth/clients/" in cookie and "Max-Age=3600" in cookie
