"""Providers with peculiarities of their own: Google, Microsoft, GitHub and Feishu."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.config import Config
from fastback.features.oauth import external_identity, providers
from fastback.features.oauth.metadata import Metadata
from oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    FakeProvider,
    build_environment,
    read_error,
    serve_provider,
    sign_in_as_person,
)


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment_changes() -> dict[str, str]:
    """Return further variables; tests override this fixture."""
    return {}


@pytest.fixture
def environment(provider: FakeProvider, environment_changes: dict[str, str]) -> dict[str, str]:
    return build_environment(provider, **environment_changes)


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


async def test_github_and_feishu_are_asked_in_their_own_ways(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:

    endpoints = Metadata(
        authorization_endpoint=f"{provider.url}/authorize",
        token_endpoint=f"{provider.url}/token",
        userinfo_endpoint=f"{provider.url}/userinfo",
    )
    monkeypatch.setattr(providers, "_GITHUB", endpoints)
    monkeypatch.setattr(providers, "_FEISHU", endpoints)
    monkeypatch.setattr(external_identity, "GITHUB_EMAILS_URL", f"{provider.url}/user/emails")
    keys: dict[str, Any] = {"oauth.code_challenge_method": "S256"}
    for name in ("github", "feishu"):
        keys |= {f"oauth.{name}.client_id": CLIENT_ID, f"oauth.{name}.client_secret": CLIENT_SECRET}
    await server.services.get(Config).set_many(keys)
    labels = (await server.stranger().get("/api/config")).ok()["oauth"]["providers"]
    assert labels == {"github": "github", "oidc": "SSO", "feishu": "feishu"}
    provider.token_fields = {"id_token": None, "refresh_token": None, "expires_in": None}
    provider.user_info = {"id": 4711, "login": "octo", "name": None, "email": None}
    provider.replies["/user/emails"] = (
        200,
        [
            {"email": "x@example.com", "primary": False},
            {"email": "Octo@Example.com", "primary": True, "verified": True},
        ],
    )
    octo = await sign_in_as_person(server, browser, "github")
    assert (octo.account["email"], octo.account["name"]) == ("octo@example.com", "octo@example.com")
    request = provider.list_requests("/authorize")[0]
    assert "nonce" not in request and request["scope"] == "user:email" and "code_challenge" in request
    again = await sign_in_as_person(server, browser, "github")
    assert again.id == octo.id
    for reply in (
        (200, []),
        (200, [{"email": "e@example.com", "primary": True, "verified": False}]),
        (403, {}),
        (200, 7),
    ):
        provider.replies["/user/emails"] = reply
        provider.user_info["id"] += 1
        assert "identity provider failed" in read_error(await browser.sign_in("github"))
    provider.user_info = {"code": 0, "data": {"user_id": "fs-1", "email": "fei@example.com", "name": "Fei"}}
    fei = await sign_in_as_person(server, browser, "feishu")
    assert (fei.account["email"], fei.account["name"]) == ("fei@example.com", "Fei")
    assert "code_challenge" not in provider.list_requests("/authorize")[-1]


async def test_google_and_microsoft_are_found_by_their_metadata(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(providers, "_GOOGLE_METADATA_URL", f"{provider.url}/.well-known/openid-configuration")
    keys: dict[str, Any] = {
        "oauth.microsoft.tenant_id": "common",
        "oauth.microsoft.login_base_url": f"{provider.url}",
    }
    for name in ("google", "microsoft"):
        keys |= {f"oauth.{name}.client_id": CLIENT_ID, f"oauth.{name}.client_secret": CLIENT_SECRET}
    await server.services.get(Config).set_many(keys)
    provider.claims = {"sub": "g", "email": "g@example.com", "name": "G"}
    google = await sign_in_as_person(server, browser, "google")
    assert google.account["email"] == "g@example.com"
    # Microsoft publishes one issuer for all tenants; a token names its own.
    path = "/common/v2.0/.well-known/openid-configuration"
    document = {
        "issuer": f"{provider.url}/{{tenantid}}/v2.0",
        **{f"{name}_endpoint": f"{provider.url}/{path}" for name, path in (("authorization", "authorize"),)},
        "token_endpoint": f"{provider.url}/token",
        "jwks_uri": f"{provider.url}/jwks",
    }
    provider.replies[path] = (200, document)
    provider.claims = {"sub": "m", "email": "m@example.com", "name": "M", "tid": "tenant-1"}
    provider.id_claims = {"iss": f"{provider.url}/tenant-1/v2.0"}
    assert (await sign_in_as_person(server, browser, "microsoft")).account["email"] == "m@example.com"
    assert provider.list_requests(path)[0]["appid"] == CLIENT_ID
    provider.id_claims = {"iss": f"{provider.url}/tenant-2/v2.0"}
    assert "identity provider failed" in read_error(await browser.sign_in("microsoft"))
