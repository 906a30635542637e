"""Connections that send the user's access token (`system_oauth`): model servers and terminals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.features.oauth_sessions.service import OAuthSessions
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider, sign_in_as_person
from stub_server import serve_handler
from waiting import wait_until

CHAT = "/api/chat/completions"


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(provider: FakeProvider) -> dict[str, str]:
    return build_environment(provider, BYPASS_MODEL_ACCESS_CONTROL="true")


class GuardedServer:
    """A model server that accepts the provider's access tokens alone, and a terminal; it records who asks."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.url = ""
        self.requests: list[tuple[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        claims = self.provider.access_tokens.get(token)
        self.requests.append((request.path, claims["sub"] if claims else token))
        if claims is None:
            return web.json_response({"error": "who are you?"}, status=401)
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": "guarded"}]})
        message = {"role": "assistant", "content": "Yes."}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}]})

    def list_askers(self, path: str) -> list[str]:
        return [asker for requested, asker in self.requests if requested == path]


@pytest.fixture
async def guarded(provider: FakeProvider) -> AsyncIterator[GuardedServer]:
    server = GuardedServer(provider)
    async with serve_handler(server.handle) as url:
        server.url = url
        yield server


async def _connect(admin: Person, guarded: GuardedServer, **options: Any) -> None:
    body = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [f"{guarded.url}/v1"],
        "OPENAI_API_KEYS": ["k"],
        "OPENAI_API_CONFIGS": {"0": {"auth_type": "system_oauth", **options}},
    }
    (await admin.post("/openai/config/update", body)).ok()


def _build_question() -> dict[str, Any]:
    return {"model": "guarded", "messages": [{"role": "user", "content": "Hi"}]}


async def test_each_user_sends_their_own_token(server: Server, provider: FakeProvider, guarded: GuardedServer) -> None:
    ada_browser, bob_browser = Browser(server.url), Browser(server.url)
    ada = await sign_in_as_person(server, ada_browser)
    provider.claims = {"sub": "bob", "email": "bob@example.com", "name": "Bob"}
    bob = await sign_in_as_person(server, bob_browser)
    (await ada.post(f"/api/v1/users/{bob.id}/update", {"name": "Bob", "email": "bob@example.com", "role": "user"})).ok()
    await _connect(ada, guarded, model_ids=["guarded"])
    (await ada.post(CHAT, _build_question())).ok()
    (await bob.post(CHAT, _build_question())).ok()
    headers = {"cookie": f"oauth_session_id={ada_browser.cookies['oauth_session_id']}"}
    (await bob.post(CHAT, _build_question(), headers=headers)).ok()  # another user's session is not used
    assert guarded.list_askers("/v1/chat/completions") == ["ada-1", "bob", "bob"]
    # A user without a session at a provider sends no token.
    await server.services.get(OAuthSessions).delete_of_user(bob.id)
    assert (await bob.post(CHAT, _build_question())).status >= 400
    assert guarded.list_askers("/v1/chat/completions")[-1] == ""


async def test_models_are_listed_with_the_token_of_an_administrator(
    server: Server, provider: FakeProvider, guarded: GuardedServer
) -> None:
    ada = await sign_in_as_person(server, Browser(server.url))
    provider.claims = {"sub": "bob", "email": "bob@example.com", "name": "Bob"}
    await sign_in_as_person(server, Browser(server.url))
    await _connect(ada, guarded)

    async def is_listed() -> bool:
        return any(model["id"] == "guarded" for model in (await ada.get("/api/models")).ok()["data"])

    await wait_until(is_listed)
    assert set(guarded.list_askers("/v1/models")) == {"ada-1"}
    verified = await ada.post(
        "/openai/verify", {"url": f"{guarded.url}/v1", "key": "", "config": {"auth_type": "system_oauth"}}
    )
    assert verified.ok()["data"] == [{"id": "guarded"}]


async def test_terminals_get_the_token_of_the_user(
    server: Server, provider: FakeProvider, guarded: GuardedServer
) -> None:
    ada = await sign_in_as_person(server, Browser(server.url))
    terminal = {"id": "shell", "url": guarded.url, "auth_type": "system_oauth", "enabled": True, "config": {}}
    (await ada.post("/api/v1/configs/terminal_servers", {"TERMINAL_SERVER_CONNECTIONS": [terminal]})).ok()
    await ada.get("/api/v1/terminals/shell/files/list")
    assert guarded.list_askers("/files/list") == ["ada-1"]
