"""Tool servers that users sign in to: registration, authorization, tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.shared.auth import OAuthClientInformationFull

from conftest import Person, Server
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher
from fastback.features.tools.mcp_targets import build_target
from oauth_servers import (
    SCOPES,
    Browser,
    OAuthMcpServer,
    build_connection,
    connect,
    is_authenticated,
    read_query,
    register,
)

CLIENT = "mcp:birds"


@pytest.fixture
async def birds() -> AsyncIterator[OAuthMcpServer]:
    server = OAuthMcpServer()
    async with server.run():
        yield server


@pytest.fixture
async def connected(ada: Person, birds: OAuthMcpServer) -> OAuthMcpServer:
    """Return the server, registered and connected."""
    await connect(ada, build_connection("birds", birds.url, await register(ada, "birds", birds.url)))
    return birds


async def test_a_user_signs_in_to_a_tool_server(
    ada: Person, bob: Person, server: Server, connected: OAuthMcpServer
) -> None:
    provider = connected.provider
    (client,) = provider.clients.values()
    assert [str(uri) for uri in client.redirect_uris or []] == [f"{server.url}/oauth/clients/{CLIENT}/callback"]
    assert client.scope == "birds:read", "what the resource requires, not all that the server knows"
    assert not await is_authenticated(bob, "birds")
    provider.subject = "bob@birds"
    assert await Browser(bob).sign_in(CLIENT) == server.url
    assert await is_authenticated(bob, "birds") and not await is_authenticated(ada, "birds")
    request = provider.requests[-1]
    assert request.resource == connected.url and request.scopes == ["birds:read"]
    tools = (await bob.get("/api/v1/tools/id/server:mcp:birds/specs")).ok()
    assert tools == {"specs": [{"name": "who", "description": "Name the user."}]}
    (session,) = (await ada.get(f"/api/v1/users/{bob.id}/oauth/sessions")).ok()
    assert session["provider"] == CLIENT and session["token"]["access_token"] in provider.access_tokens


async def test_without_signing_in_the_tools_are_not_listed(bob: Person, connected: OAuthMcpServer) -> None:
    (await bob.get("/api/v1/tools/id/server:mcp:birds/specs")).refused(401, "Auth required")


async def test_a_user_signs_out_of_a_tool_server(bob: Person, connected: OAuthMcpServer) -> None:
    await Browser(bob).sign_in(CLIENT)
    assert (await bob.delete(f"/api/v1/auths/oauth/sessions/{CLIENT}")).ok() is True
    assert not await is_authenticated(bob, "birds")
    gone = await bob.delete(f"/api/v1/auths/oauth/sessions/{CLIENT}")
    gone.refused(404, "No OAuth session found for this provider")


async def test_signing_in_again_replaces_the_session(ada: Person, bob: Person, connected: OAuthMcpServer) -> None:
    for _ in range(3):
        await Browser(bob).sign_in(CLIENT)
    assert len((await ada.get(f"/api/v1/users/{bob.id}/oauth/sessions")).ok()) == 1


async def test_credentials_of_an_administrator_need_no_registration(
    ada: Person, bob: Person, server: Server, birds: OAuthMcpServer
) -> None:
    callback = f"{server.url}/oauth/clients/{CLIENT}/callback"
    await birds.provider.register_client(
        OAuthClientInformationFull.model_validate(
            {"client_id": "fastback", "client_secret": "s3cret", "redirect_uris": [callback], "scope": " ".join(SCOPES)}
            | {"token_endpoint_auth_method": "client_secret_post"}
        )
    )
    client_info = await register(ada, "birds", birds.url, client_secret="s3cret", oauth_scope="birds:read,birds:count")
    assert list(birds.provider.clients) == ["fastback"]
    credentials = {"oauth_client_id": "fastback", "oauth_client_secret": "s3cret"}
    static = build_connection("birds", birds.url, client_info, auth_type="oauth_2.1_static", info=credentials)
    await connect(ada, static)
    assert await Browser(bob).sign_in(CLIENT) == server.url
    assert birds.provider.requests[-1].scopes == SCOPES
    (token,) = birds.provider.access_tokens.values()
    assert token.client_id == "fastback"


@pytest.mark.parametrize(
    ("mode", "scope", "is_sent"),
    [
        ("auto", "birds:read", True),
        ("auto", "api://birds/read", False),
        ("include", "api://birds/read", True),
        ("omit", "birds:read", False),
        ("sometimes", "birds:read", True),
    ],
)
async def test_the_connection_says_whether_requests_name_the_resource(
    ada: Person, birds: OAuthMcpServer, mode: str, scope: str, is_sent: bool
) -> None:
    client_info = await register(ada, "birds", birds.url)
    options = {"oauth_resource_parameter": mode, "oauth_scope": scope}
    await connect(ada, build_connection("birds", birds.url, client_info, info=options))
    query = read_query(await Browser(ada).begin(CLIENT))
    assert query["scope"] == scope
    assert query.get("resource") == (birds.url if is_sent else None)
    assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"


async def test_a_registration_that_the_server_has_forgotten_is_renewed(
    ada: Person, bob: Person, server: Server, connected: OAuthMcpServer
) -> None:
    connected.provider.clients.clear()
    locations = await asyncio.gather(*(Browser(person).sign_in(CLIENT) for person in (ada, bob)))
    assert locations == [server.url] * 2
    assert len(connected.provider.clients) == 1, "one registration serves both"
    stored = (await ada.get("/api/v1/configs/tool_servers")).ok()["TOOL_SERVER_CONNECTIONS"]
    assert stored[0]["info"]["id"] == "birds" and stored[0]["config"]["enable"]
    assert await is_authenticated(ada, "birds") and await is_authenticated(bob, "birds")


async def test_only_users_of_a_server_sign_in_to_it(
    ada: Person, bob: Person, anonymous: Person, connected: OAuthMcpServer, birds: OAuthMcpServer
) -> None:
    stored = (await ada.get("/api/v1/configs/tool_servers")).ok()["TOOL_SERVER_CONNECTIONS"]
    await connect(ada, {**stored[0], "config": {"enable": True, "access_grants": []}})
    path = f"/oauth/clients/{CLIENT}/authorize"
    assert (await ada.get(path)).status == 302
    (await bob.get(path)).refused(404, "Not Found")
    (await anonymous.get(path)).refused(401, "Not authenticated")
    for client_id in ("mcp:eagles", "birds", "mcp:", "%00"):
        assert (await ada.get(f"/oauth/clients/{client_id}/authorize")).status in (404, 422), client_id
        assert (await ada.get(f"/oauth/clients/{client_id}/callback?code=1&state=2")).status in (404, 422), client_id


async def test_a_client_of_another_secret_key_is_not_used(ada: Person, birds: OAuthMcpServer) -> None:
    for client_info in ("gAAAAABm", "", None, 5, ["x"]):
        await connect(ada, build_connection("birds", birds.url, client_info))  # type: ignore[arg-type]
        (await ada.get(f"/oauth/clients/{CLIENT}/authorize")).refused(404, "Not Found")
        assert not await is_authenticated(ada, "birds")


def encrypt_client(server: Server, **fields: Any) -> str:
    """Return a client as a program without all of its fields has stored it."""
    client = {"client_id": "c1", "redirect_uris": [f"{server.url}/oauth/clients/{CLIENT}/callback"], **fields}
    return server.services.get(ClientInfoCipher).encrypt(client)


async def test_an_older_client_gets_the_metadata_that_it_lacks(
    ada: Person, server: Server, birds: OAuthMcpServer
) -> None:
    document = f"{birds.origin}/.well-known/oauth-authorization-server"
    await connect(ada, build_connection("birds", birds.url, encrypt_client(server, issuer=document)))
    birds.provider.clients["c1"] = OAuthClientInformationFull.model_validate(
        {"client_id": "c1", "redirect_uris": [f"{server.url}/oauth/clients/{CLIENT}/callback"], "scope": "birds:read"}
    )
    query = read_query(await Browser(ada).begin(CLIENT))
    assert (query["scope"], query["resource"]) == ("birds:read", birds.url)


async def test_without_an_authorization_server_the_user_is_told(ada: Person, server: Server) -> None:
    await connect(ada, build_connection("birds", "http://127.0.0.1:9/mcp", encrypt_client(server)))
    detail = (await ada.get(f"/oauth/clients/{CLIENT}/authorize")).refused(400)
    assert detail.startswith("OAuth authorization endpoint could not be resolved for this client.")


def test_an_own_header_of_a_connection_replaces_tokens() -> None:
    connection = build_connection("birds", "https://birds.test/mcp", "")
    assert build_target("birds", connection, "u", {"X-A": "1"}).client_id == CLIENT
    assert build_target("birds", connection, "u", {"authorization": "Basic x"}).client_id == ""
    assert build_target("birds", connection, "u", {}, {"Authorization": "Basic x"}).client_id == ""
    assert build_target("birds", {**connection, "auth_type": "bearer"}, "u", {}).client_id == ""
    target = build_target("birds", connection, "u", {"X-A": "1"}).add_token("t")
    assert target.headers == {"X-A": "1", "Authorization": "Bearer t"}
