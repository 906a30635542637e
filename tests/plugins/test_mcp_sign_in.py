"""Tools of MCP servers that users sign in to: each with their own token, renewed when the server refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from oauth_servers import Browser, OAuthMcpServer, build_connection, connect, is_authenticated, register
from page_client import open_page
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel, call_tools

CLIENT, TOOL_ID = "mcp:birds", "server:mcp:birds"


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true", "MCP_INITIALIZE_TIMEOUT": "5"}


@pytest.fixture
async def birds(ada: Person) -> AsyncIterator[OAuthMcpServer]:
    server = OAuthMcpServer()
    async with server.run():
        await connect(ada, build_connection("birds", server.url, await register(ada, "birds", server.url)))
        yield server


async def sign_in(person: Person, server: OAuthMcpServer, subject: str) -> None:
    server.provider.subject = subject
    assert await Browser(person).sign_in(CLIENT) == person.url


async def ask(person: Person, model: QueuedModel, *, calls: int = 1) -> tuple[list[str], list[str]]:
    """Ask who the user is, and return the results of the calls and the lines above the answer."""
    model.queue(*[call_tools(("birds_who", {})) for _ in range(calls)], "That is you.")
    async with open_page(person) as page:
        body = page.build_body("Who am I?", models=[MODEL_ID], tool_ids=[TOOL_ID])
        (await person.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        done: dict[str, Any] = await page.wait_for("chat:completion", lambda data: data.get("done"))
        results = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
        return results, [status["description"] for status in page.list_data("status")]


async def test_each_user_calls_tools_with_their_own_token(
    ada: Person, bob: Person, cy: Person, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    await sign_in(ada, birds, "ada@birds")
    await sign_in(bob, birds, "bob@birds")
    for _ in range(2):
        assert await ask(ada, model) == (["ada@birds"], [])
        assert await ask(bob, model) == (["bob@birds"], [])
    assert birds.mcp.methods["tools/list"] == 2, "one session for each user"
    model.queue("Unknown.")
    _, statuses = await ask(cy, model, calls=0)
    assert statuses == ["Failed to connect to MCP server 'birds'"]
    assert not any(name.startswith("birds") for name in model.tool_names)


async def test_a_refused_token_is_renewed_once(bob: Person, model: QueuedModel, birds: OAuthMcpServer) -> None:
    await sign_in(bob, birds, "bob@birds")
    assert await ask(bob, model) == (["bob@birds"], [])
    birds.provider.revoke_access()
    assert await ask(bob, model) == (["bob@birds"], [])
    assert birds.provider.refresh_count == 1
    assert await is_authenticated(bob, "birds")


async def test_a_token_that_is_refused_within_a_turn_is_renewed(
    bob: Person, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    await sign_in(bob, birds, "bob@birds")

    async def revoke(_: Any) -> Any:
        birds.provider.revoke_access()
        return call_tools(("birds_who", {}))

    model.queue(revoke)
    assert await ask(bob, model) == (["bob@birds", "bob@birds"], [])
    assert birds.provider.refresh_count == 1


async def test_turns_at_the_same_time_renew_a_token_once(
    bob: Person, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    await sign_in(bob, birds, "bob@birds")
    birds.provider.revoke_access()
    birds.provider.refresh_delay = 0.3
    lists = await asyncio.gather(*(bob.get(f"/api/v1/tools/id/{TOOL_ID}/specs") for _ in range(4)))
    assert [len(reply.ok()["specs"]) for reply in lists] == [1] * 4
    assert birds.provider.refresh_count == 1


async def test_a_user_whose_access_was_revoked_signs_in_again(
    ada: Person, bob: Person, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    for has_refresh_tokens in (True, False):
        birds.provider.issues_refresh_tokens = has_refresh_tokens
        await sign_in(bob, birds, "bob@birds")
        await sign_in(ada, birds, "ada@birds")
        assert await is_authenticated(bob, "birds")
        for token in [*birds.provider.access_tokens.values(), *birds.provider.refresh_tokens.values()]:
            if token.subject == "bob@birds":
                await birds.provider.revoke_token(token)
        _, statuses = await ask(bob, model, calls=0)
        assert statuses == ["Failed to connect to MCP server 'birds'"]
        assert not await is_authenticated(bob, "birds")
        (await bob.get(f"/api/v1/tools/id/{TOOL_ID}/specs")).refused(401, "Auth required")
        assert await ask(ada, model) == (["ada@birds"], [])
    await sign_in(bob, birds, "bob@birds")
    assert await ask(bob, model) == (["bob@birds"], [])


async def test_a_user_who_signs_out_within_a_turn_calls_nothing_more(
    bob: Person, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    await sign_in(bob, birds, "bob@birds")

    async def sign_out(_: Any) -> Any:
        (await bob.delete(f"/api/v1/auths/oauth/sessions/{CLIENT}")).ok()
        return call_tools(("birds_who", {}))

    model.queue(sign_out)
    results, _ = await ask(bob, model, calls=0)
    assert len(results) == 1 and "requires the user to sign in" in results[0]
    assert birds.mcp.methods["tools/call"] == 0


async def test_plugins_get_the_tokens_of_users(ada: Person, model: QueuedModel, birds: OAuthMcpServer) -> None:
    await sign_in(ada, birds, "ada@birds")
    (stored,) = birds.provider.access_tokens
    code = """
        tokens = request.app.state.oauth_client_manager
        found = await tokens.get_oauth_token(user["id"], "mcp:birds")
        renewed = await tokens.get_oauth_token(user["id"], "mcp:birds", force_refresh=True)
        missing = await tokens.get_oauth_token(user["id"], "mcp:eagles")
        return [found["access_token"], renewed["access_token"], renewed["token_type"], missing]
        """
    first, renewed, kind, missing = await run_in_plugin(ada, model, code)
    assert first == stored and renewed in birds.provider.access_tokens and renewed != first
    assert (kind, missing) == ("Bearer", None)
