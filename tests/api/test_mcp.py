"""Tool servers that speak MCP: verification by administrators, and tool lists for permitted users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp.web
import msgspec
import pytest
from multidict import CIMultiDict

from conftest import Person
from fastback.features.tools import specs_routes
from fastback.features.tools.name_filter import NameFilter
from stub_server import serve_handler

VERIFY = "/api/v1/configs/tool_servers/verify"


class McpServer:
    """An MCP server: `/json` answers at once, `/events` in a stream, `/moved` redirects."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, CIMultiDict[str]]] = []
        self.sessions: set[str] = set()
        self.description = "Adds"
        #: Answers to requests for tool lists, by path, instead of the tools.
        self.replies: dict[str, Any] = {"/broken": {"error": {"message": "no"}}, "/told": {"error": "no"}}

    async def answer(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if request.method == "DELETE":
            self.sessions.discard(request.headers.get("Mcp-Session-Id", ""))
            return aiohttp.web.Response()
        if request.method == "GET":
            return aiohttp.web.Response(status=405)
        message = await request.json()
        self.requests.append((request.path, message["method"], request.headers.copy()))
        if request.path == "/moved":
            return aiohttp.web.Response(status=307, headers={"location": "/json"})
        if request.path == "/away":
            return aiohttp.web.Response(status=307, headers={"location": "http://127.0.0.1:9/json"})
        if request.path == "/slow":
            await asyncio.sleep(2)
        if request.path == "/odd":
            return aiohttp.web.Response(text="hello")
        if message["method"] == "tools/list" and request.path in self.replies:
            return aiohttp.web.json_response({"jsonrpc": "2.0", "id": message["id"], **self.replies[request.path]})
        if message["method"] == "initialize":
            self.sessions.add("s1")
            headers = {"Mcp-Session-Id": "s1"}
            return await self._send_result(
                request,
                message,
                {
                    "protocolVersion": "2025-03-26",
                    "capabilities": {},
                    "serverInfo": {"name": "stub", "version": "1"},
                },
                headers,
            )
        if request.headers.get("Mcp-Session-Id") not in self.sessions:
            return aiohttp.web.Response(status=404)
        if "id" not in message:
            return aiohttp.web.Response(status=202)
        if (message.get("params") or {}).get("cursor") == "2":
            return await self._send_result(
                request, message, {"tools": [{"name": "sub", "inputSchema": {"type": "object"}}]}
            )
        add = {"name": "add", "description": self.description, "inputSchema": {"type": "object"}}
        return await self._send_result(request, message, {"tools": [add], "nextCursor": "2"})

    async def _send_result(
        self, request: aiohttp.web.Request, request_message: Any, result: Any, headers: dict[str, str] | None = None
    ) -> aiohttp.web.StreamResponse:
        message = {"jsonrpc": "2.0", "id": request_message["id"], "result": result}
        if request.path != "/events":
            return aiohttp.web.json_response(message, headers=headers)
        response = aiohttp.web.StreamResponse(headers={"content-type": "text/event-stream", **(headers or {})})
        await response.prepare(request)
        await response.write(b'event: message\ndata: {"jsonrpc": "2.0", "method": "notifications/progress"}\n\n')
        await response.write(b"data: " + msgspec.json.encode(message).replace(b',"', b',\ndata: "', 1) + b"\r\n\r\n")
        await asyncio.sleep(0.5)
        return response


@pytest.fixture
async def mcp() -> AsyncIterator[McpServer]:
    mcp_server = McpServer()
    async with serve_handler(mcp_server.answer) as mcp_server.url:
        yield mcp_server


@pytest.fixture
def database() -> str:
    return "sqlite"


def make_connection(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "mcp", "url": url, "path": "", "auth_type": "bearer", "key": "k", "config": {}, **more}


async def test_a_server_is_verified(ada: Person, bob: Person, mcp: McpServer) -> None:
    specs = [
        {"name": "add", "description": "Adds", "parameters": {"type": "object"}},
        {"name": "sub", "description": None, "parameters": {"type": "object"}},
    ]
    group = (await ada.post("/api/v1/groups/create", {"name": "Birds", "description": ""})).ok()["id"]
    (await ada.post(f"/api/v1/groups/id/{group}/users/add", {"user_ids": [ada.id]})).ok()
    custom_headers = {"X-Who": "{{USER_NAME}}{{CHAT_ID}} {{USER_GROUPS}}"}
    for path in ("json", "events", "moved"):
        reply = await ada.post(VERIFY, make_connection(f"{mcp.url}/{path}", headers=custom_headers))
        assert reply.ok() == {"status": True, "specs": specs}, path
        assert mcp.sessions == set(), "the session is ended"
    headers = mcp.requests[-1][2]
    assert headers["Authorization"] == "Bearer k" and headers["X-Who"] == "Ada Birds"
    assert headers["MCP-Protocol-Version"] == "2025-03-26" and headers["Mcp-Session-Id"] == "s1"
    assert [method for path, method, _ in mcp.requests if path == "/events"] == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/list",
    ]
    for path in ("odd", "broken", "told", "away"):
        (await ada.post(VERIFY, make_connection(f"{mcp.url}/{path}"))).refused(400, "Failed to create MCP client")
    for url in ("http://127.0.0.1:9", "nowhere"):
        (await ada.post(VERIFY, make_connection(url))).refused(400, "Failed to create MCP client")
    assert (await bob.post(VERIFY, make_connection(mcp.url))).status == 401


async def test_an_invalid_tool_list_is_refused(ada: Person, mcp: McpServer) -> None:
    mcp.replies["/none"] = {"result": {"tools": 5, "nextCursor": 0}}
    (await ada.post(VERIFY, make_connection(f"{mcp.url}/none"))).refused(400, "Failed to create MCP client")


async def test_tool_descriptions_may_be_large(ada: Person, mcp: McpServer) -> None:
    mcp.description = "x" * 1_000_000
    for path in ("json", "events"):
        result = (await ada.post(VERIFY, make_connection(f"{mcp.url}/{path}"))).ok()
        assert [len(spec["description"] or "") for spec in result["specs"]] == [1_000_000, 0], path


async def test_tool_specs_are_shown_only_to_permitted_users(
    ada: Person, bob: Person, anonymous: Person, mcp: McpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_access = {"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}]}
    enabled = {"enable": True}
    connections = [
        make_connection(
            f"{mcp.url}/json", info={"id": "open"}, config={**public_access, **enabled}, auth_type="session"
        ),
        make_connection(
            f"{mcp.url}/json", info={"id": "mine"}, config={**enabled, "function_name_filter_list": "!add"}
        ),
        make_connection(f"{mcp.url}/json", info={"id": "off"}, config=public_access),
        make_connection(f"{mcp.url}/json", info={"id": "consent"}, config=enabled, auth_type="oauth_2.1"),
        make_connection(f"{mcp.url}/odd", info={"id": "odd"}, config=enabled),
        make_connection(f"{mcp.url}/slow", info={"id": "slow"}, config=enabled),
    ]
    (await ada.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": connections})).ok()
    specs = [{"name": "add", "description": "Adds"}, {"name": "sub", "description": None}]
    assert (await bob.get("/api/v1/tools/id/server:mcp:open/specs")).ok() == {"specs": specs}
    assert mcp.requests[-1][2]["Authorization"] == f"Bearer {bob.token}"
    assert (await ada.get("/api/v1/tools/id/server:mcp:mine/specs")).ok() == {"specs": specs[1:]}
    (await anonymous.get("/api/v1/tools/id/server:mcp:open/specs")).refused(401, "Not authenticated")
    monkeypatch.setattr(specs_routes, "DISCOVERY_TIMEOUT", 0.3)
    for person, name, status, detail in (
        (bob, "server:mcp:mine", 404, "Tool not found"),
        (ada, "server:mcp:off", 404, "Tool not found"),
        (ada, "server:mcp:none", 404, "Tool not found"),
        (ada, "adder", 404, "Tool not found"),
        (ada, "server:mcp:consent", 401, "Auth required"),
        (ada, "server:mcp:odd", 502, "Unable to load tools"),
        (ada, "server:mcp:slow", 504, "Tool discovery timed out"),
    ):
        (await person.get(f"/api/v1/tools/id/{name}/specs")).refused(status, detail)


def test_filter_rules_select_tools() -> None:
    def list_matching(rules: Any) -> list[str]:
        name_filter = NameFilter(rules)
        return [name for name in ("read_file", "write_file", "read_mail") if name_filter.allows(name)]

    assert list_matching("") == list_matching(None) == list_matching([]) == ["read_file", "write_file", "read_mail"]
    assert list_matching("read_file, read_mail") == ["read_file", "read_mail"]
    assert list_matching(["_file", "!write_file"]) == ["read_file"]
    assert list_matching("!mail") == ["read_file", "write_file"]
