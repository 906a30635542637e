"""An MCP server that users sign in to, with its authorization server in memory; and a browser that signs them in."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from conftest import Person, Reply
from mcp_test_server import McpTestServer

SCOPES = ["birds:read", "birds:count"]
PUBLIC = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


class MemoryProvider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """An authorization server whose user, `subject`, consents at once.

    Attributes:
        lifetime: seconds that access tokens are valid; None: they name no expiry.
        issues_refresh_tokens: whether tokens can be renewed.
        refresh_count: how often tokens were renewed.
        resources: the resources that authorization requests have named, the latest last.
        refresh_delay: seconds that a renewal takes.
    """

    def __init__(self) -> None:
        self.subject = ""
        self.lifetime: int | None = 3600
        self.issues_refresh_tokens = True
        self.refresh_count = 0
        self.refresh_delay = 0.0
        self.resources: list[str | None] = []
        self.requests: list[AuthorizationParams] = []
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.requests.append(params)
        self.resources.append(params.resource)
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=self.subject,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(client.client_id, authorization_code)

    def _issue(self, client_id: str, grant: AuthorizationCode | RefreshToken) -> OAuthToken:
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        shared: dict[str, Any] = {
            "client_id": client_id,
            "scopes": grant.scopes,
            "resource": grant.resource,
            "subject": grant.subject,
        }
        self.access_tokens[access] = AccessToken(token=access, **shared)
        if self.issues_refresh_tokens:
            self.refresh_tokens[refresh] = RefreshToken(token=refresh, **shared)
        return OAuthToken(
            access_token=access,
            expires_in=self.lifetime,
            scope=" ".join(grant.scopes),
            refresh_token=refresh if self.issues_refresh_tokens else None,
        )

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refresh_tokens.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        await asyncio.sleep(self.refresh_delay)
        self.refresh_count += 1
        if self.refresh_tokens.pop(refresh_token.token, None) is None:
            raise TokenError("invalid_grant", "the refresh token was used")
        return self._issue(client.client_id, refresh_token)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access_tokens.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access_tokens.pop(token.token, None)
        self.refresh_tokens.pop(token.token, None)

    def revoke_access(self) -> None:
        """Make all access tokens invalid; refresh tokens stay valid."""
        self.access_tokens.clear()


class OAuthMcpServer:
    """An MCP server with the tool `who`, which names the user of the token."""

    def __init__(self) -> None:
        self.provider = MemoryProvider()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self._port}"
        self.url = f"{self.origin}/mcp"
        self.mcp = McpTestServer(self._build())

    def _build(self) -> MCPServer:
        registration = ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES, default_scopes=SCOPES)
        settings = AuthSettings.model_validate(
            {
                "issuer_url": self.origin,
                "resource_server_url": self.url,
                "required_scopes": SCOPES[:1],
                "client_registration_options": registration,
                "validate_token_resource": False,
            }
        )
        server = MCPServer("Private birds", auth_server_provider=self.provider, auth=settings)

        @server.tool()
        def who() -> str:
            """Name the user."""
            token = get_access_token()
            return token.subject or "" if token is not None else ""

        return server

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve while the context is open."""
        async with self.mcp.run(self._port):
            yield


class Browser:
    """A browser of a person: it keeps cookies, and follows redirects one by one."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.cookies: dict[str, str] = {"token": person.token} if person.token else {}

    async def get(self, url: str) -> Reply:
        """Get a page of any server; only the person's server gets cookies."""
        own = url.startswith(self.person.url)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": cookies} if own and cookies else {}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            for name, morsel in response.cookies.items() if own else ():
                self.cookies[name] = morsel.value
            return Reply(response.status, response.headers, await response.read())

    async def begin(self, client_id: str) -> str:
        """Begin to sign in to a tool server, and return the URL of its authorization server."""
        reply = await self.get(f"{self.person.url}/oauth/clients/{client_id}/authorize")
        assert reply.status == 302, reply.text
        return str(reply.headers["location"])

    async def consent(self, url: str) -> str:
        """Consent at the authorization server, and return the URL that leads back."""
        reply = await self.get(url)
        assert reply.status == 302, reply.text
        return str(reply.headers["location"])

    async def sign_in(self, client_id: str) -> str:
        """Sign in to a tool server, and return where the browser ends."""
        reply = await self.get(await self.consent(await self.begin(client_id)))
        assert reply.status == 307, reply.text
        return str(reply.headers["location"])


def read_query(url: str) -> dict[str, str]:
    """Return the parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


async def register(admin: Person, server_id: str, url: str, **form: Any) -> str:
    """Register a client, and return it as it goes into a connection."""
    body = {"url": url, "client_id": server_id, **form}
    registration = (await admin.post("/api/v1/configs/oauth/clients/register?type=mcp", body)).ok()
    assert registration["status"] is True
    return str(registration["oauth_client_info"])


def build_connection(server_id: str, url: str, client_info: str, **more: Any) -> dict[str, Any]:
    """Return a connection that every user may use."""
    info = {"id": server_id, "name": server_id.title(), "oauth_client_info": client_info, **more.pop("info", {})}
    return {
        "type": "mcp",
        "url": url,
        "path": "",
        "auth_type": "oauth_2.1",
        "key": "",
        "info": info,
        "config": {"enable": True, "access_grants": PUBLIC},
        **more,
    }


async def connect(admin: Person, *connections: dict[str, Any]) -> None:
    """Store connections."""
    (await admin.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": list(connections)})).ok()


async def is_authenticated(person: Person, server_id: str) -> bool:
    """Return what the list of tools says of a server."""
    tools = (await person.get("/api/v1/tools/")).ok()
    return bool(next(tool["authenticated"] for tool in tools if tool["id"] == f"server:mcp:{server_id}"))
