"""Questions that MCP servers ask in the middle of a call: pages show them, and servers get the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, Resolve
from pydantic import BaseModel

from conftest import Person
from mcp_test_server import McpTestServer
from page_client import Page, open_page
from plugin_installation import stream_events
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel, call_tools

KIND = "request:elicitation"
PUBLIC = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
ACCEPTED = {"action": "accept", "content": {"place": "north hide", "birds": 3}}


class Booking(BaseModel):
    """What the server asks for."""

    place: str
    birds: int


def ask_for_booking() -> Elicit[Booking]:
    return Elicit("Which hide?", Booking)


def build_server() -> MCPServer:
    server = MCPServer("Hides")

    @server.tool()
    def book(booking: Annotated[ElicitationResult[Booking], Resolve(ask_for_booking)]) -> str:
        """Book a hide."""
        return f"{booking.action}: {getattr(booking, 'data', None)}"

    @server.tool()
    async def pay(ctx: Context[Any], url: str) -> str:
        """Have the user pay."""
        return str((await ctx.elicit_url("Pay here", url, "payment-1")).action)

    return server


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    limits = {"AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER": "2"}
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true", **limits}


@pytest.fixture(params=["modern", "legacy"])
async def hides(request: pytest.FixtureRequest, ada: Person) -> AsyncIterator[McpTestServer]:
    server = McpTestServer(build_server(), is_legacy=request.param == "legacy")
    async with server.run():
        connection = {
            "type": "mcp",
            "url": server.url,
            "path": "",
            "auth_type": "none",
            "key": "",
            "info": {"id": "hides", "name": "Hides"},
            "config": {"enable": True, "access_grants": PUBLIC},
        }
        (await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": [connection]})).ok()
        yield server


def reply_with(page: Page, reply: Any, *, after: float = 0) -> None:
    """Let a page answer questions of servers."""

    async def handle(event: dict[str, Any]) -> Any:
        page.record_event(event)
        if event["data"]["type"] != KIND:
            return None
        await asyncio.sleep(after)
        return reply

    page.socket.on("events", handle)


async def call(person: Person, model: QueuedModel, name: str, arguments: Any, reply: Any, **more: Any) -> Any:
    """Have the model call a tool on a page that answers so; return the result, and the questions that were shown."""
    model.queue(call_tools((name, arguments)), "Done.")
    async with open_page(person) as page:
        reply_with(page, reply, **more)
        await page.ask("Go", models=[MODEL_ID], tool_ids=["server:mcp:hides"])
        questions = page.list_data(KIND)
        closed = page.list_data("request:interaction:done")
    assert [{"interaction_id": question.pop("interaction_id")} for question in questions] == closed
    (result,) = [message["content"] for message in model.requests[-1]["messages"] if message["role"] == "tool"]
    return result, questions


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (ACCEPTED, "accept: place='north hide' birds=3"),
        ({"action": "decline"}, "decline: None"),
        ({"action": "accept", "content": {"place": "north hide"}}, "cancel: None"),
        ({"action": "accept", "content": {"place": "x", "birds": "three"}}, "cancel: None"),
        ({"action": "nothing"}, "cancel: None"),
        (None, "cancel: None"),
    ],
)
async def test_a_form_is_shown_and_its_answer_checked(
    ada: Person, bob: Person, model: QueuedModel, hides: McpTestServer, reply: Any, expected: str
) -> None:
    result, questions = await call(bob, model, "hides_book", {}, reply)
    assert result == expected
    (question,) = questions
    schema = question.pop("requestedSchema")
    assert question == {"mode": "form", "message": "Which hide?", "server_name": "hides"}
    assert set(schema["properties"]) == {"place", "birds"}


async def test_the_time_of_a_call_stops_while_the_user_thinks(
    ada: Person, model: QueuedModel, hides: McpTestServer
) -> None:
    result, _ = await call(ada, model, "hides_book", {}, ACCEPTED, after=3)
    assert result.startswith("accept")


@pytest.mark.parametrize("hides", ["legacy"], indirect=True)
async def test_only_addresses_of_the_web_are_shown(ada: Person, model: QueuedModel, hides: McpTestServer) -> None:
    result, questions = await call(ada, model, "hides_pay", {"url": "https://pay.test/1"}, {"action": "accept"})
    assert result == "accept"
    assert questions == [{"mode": "url", "message": "Pay here", "url": "https://pay.test/1", "server_name": "hides"}]
    for url in ("javascript:alert(1)", "https://ada:secret@pay.test/1", "file:///etc/passwd"):
        result, questions = await call(ada, model, "hides_pay", {"url": url}, {"action": "accept"})
        assert (result, questions) == ("cancel", [])


async def test_servers_know_whether_there_is_a_page(ada: Person, model: QueuedModel, hides: McpTestServer) -> None:
    await stream_events(ada, tool_ids=["server:mcp:hides"])
    code = f"""
        client = MCPClient(event_caller=answer, server_name="mine")
        await client.connect("{hides.url}")
        with_page = await client.call_tool("book", {{}})
        await client.disconnect()
        client = MCPClient()
        await client.connect("{hides.url}")
        try:
            await client.call_tool("book", {{}})
        except Exception as error:
            without_page = str(error)
        await client.disconnect()
        return [with_page[0]["text"], asked, without_page]
        """
    imports = f"""
        from open_webui.utils.mcp.client import MCPClient
        asked = []

        async def answer(event):
            asked.append([event["type"], event["data"]["server_name"]])
            return {ACCEPTED}
        """
    with_page, asked, without_page = await run_in_plugin(ada, model, code, imports=imports)
    assert (with_page, asked) == ("accept: place='north hide' birds=3", [[KIND, "mine"]])
    assert "elicitation" in without_page.lower()
