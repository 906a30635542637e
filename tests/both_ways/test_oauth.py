"""A user who signed up at a provider with one program signs in with the other one, and the stored tokens are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from both_ways.installation import REFERENCE, SharedInstallation
from conftest import Person, postgres_database
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider
from stub_server import serve_handler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]


async def _sign_in(url: str, provider: FakeProvider, **changes: Any) -> tuple[Browser, Any]:
    """Sign in, and return the browser and the session."""
    browser = Browser(url)
    provider.token_fields = changes
    reply = await browser.sign_in()
    assert reply.headers["location"] == f"{url}/auth", reply.headers["location"]
    return browser, await _load_session(url, browser.cookies["token"])


async def _load_session(url: str, token: str) -> Any:
    person = Person(url, token)
    try:
        return (await person.get("/api/v1/auths/")).ok()
    finally:
        await person.close()


async def _ask_for_token(url: str, browser: Browser) -> str:
    """Return the token that a tool server gets from the user of a browser, through the check of its connection."""
    tokens: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        tokens.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        return web.json_response({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}})

    async with serve_handler(handle) as address:
        connection = {"url": address, "path": "openapi.json", "type": "openapi", "auth_type": "system_oauth"}
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"authorization": f"Bearer {browser.cookies['token']}", "cookie": cookies}
        person = Person(url)
        reply = await person.post(
            "/api/v1/configs/tool_servers/verify", {**connection, "key": "", "config": {}}, headers=headers
        )
        await person.close()
        assert reply.status == 200, reply.text
    return tokens[-1]


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_users_and_tokens_are_interchangeable(
    first: str, second: str, database: str, upstream: str, tmp_path: Path
) -> None:
    async def run_programs(database_url: str) -> None:
        async with serve_provider() as provider:
            variables = build_environment(provider, ENABLE_RAG_LOCAL_WEB_FETCH="true", OAUTH_TIMEOUT="10")
            installation = SharedInstallation(tmp_path, upstream, database_url, variables)
            async with installation.run_program(first) as player:
                lasting, account = await _sign_in(player.url, provider)
                expiring, _ = await _sign_in(player.url, provider, expires_in=60)
                first_token = next(iter(provider.access_tokens))
                assert account["role"] == "admin"
            async with installation.run_program(second) as player:
                # The session, the stored token, and the token that expires soon.
                assert (await _load_session(player.url, lasting.cookies["token"]))["id"] == account["id"]
                assert await _ask_for_token(player.url, lasting) == first_token
                provider.token_fields = {}
                renewed = await _ask_for_token(player.url, expiring)
                assert renewed == list(provider.access_tokens)[-1]
                browser, again = await _sign_in(player.url, provider)
                assert (again["id"], again["email"]) == (account["id"], account["email"])
                lasting.url = player.url
                answer = (await lasting.post("/api/v1/auths/signout")).ok()
                hint = parse_qs(urlsplit(answer["redirect_url"]).query)["id_token_hint"]
                assert hint[0].count(".") == 2
                provider.claims = {"sub": "bob", "email": "bob@example.com", "name": "Bob"}
                _, bob = await _sign_in(player.url, provider)
            async with installation.run_program(first) as player:
                assert await _ask_for_token(player.url, expiring) == renewed
                assert (await _sign_in(player.url, provider))[1]["id"] == bob["id"]
                admin = Person(player.url, browser.cookies["token"])
                sessions = (await admin.get(f"/api/v1/users/{account['id']}/oauth/sessions")).ok()
                await admin.close()
                assert len(sessions) == 3 and {row["provider"] for row in sessions} == {"oidc"}

    if database == "postgres":
        async with postgres_database() as address:
            await run_programs(address)
    else:
        await run_programs("")
