"""The user's token of their sign-in provider in plugins, and in calls of tool servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from conftest import Server
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider, sign_in_as_person
from plugin_installation import install_tool
from plugin_probe import run_in_plugin
from queued_model import QueuedModel, call_tools
from tool_server import ask, connect_tool_servers, list_texts, run_tool_server

TOOL = '''
class Tools:
    def show_token(self, __oauth_token__: dict = None) -> str:
        """Show the token."""
        return (__oauth_token__ or {}).get("access_token", "none")
'''


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(model: QueuedModel, provider: FakeProvider) -> dict[str, str]:
    return {**model.env, **build_environment(provider)}


async def test_plugins_get_the_token_of_the_user(server: Server, provider: FakeProvider, model: QueuedModel) -> None:
    browser = Browser(server.url)
    ada = await sign_in_as_person(server, browser)
    await install_tool(ada, "show", TOOL)
    model.queue(call_tools(("show_token", {})), "Done.")
    output, _ = await ask(ada, tool_ids=["show"])
    access_token = next(iter(provider.access_tokens))
    assert list_texts(output) == [access_token]
    code = f"""
        manager = request.app.state.oauth_manager
        tokens = [
            await get_system_oauth_token(request, user),
            await manager.get_oauth_token(user["id"], "{browser.cookies["oauth_session_id"]}"),
            await manager.get_oauth_token(user["id"], "unknown"),
            await get_system_oauth_token(request, {{"id": "nobody"}}),
        ]
        return [token and token["access_token"] for token in tokens]
        """
    imports = "from open_webui.utils.oauth import get_system_oauth_token"
    assert await run_in_plugin(ada, model, code, imports=imports) == [access_token, access_token, None, None]


async def test_tool_servers_get_the_token_of_the_user(
    server: Server, provider: FakeProvider, model: QueuedModel
) -> None:
    ada = await sign_in_as_person(server, Browser(server.url))
    async with run_tool_server() as office:
        await connect_tool_servers(ada, office.connect("office", auth_type="system_oauth"))
        model.queue(call_tools(("show_headers", {})), "Done.")
        await ask(ada, tool_ids=["server:office"])
        assert office.requests[0][2]["Authorization"] == f"Bearer {next(iter(provider.access_tokens))}"
