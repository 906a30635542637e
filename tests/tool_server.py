"""A tool server with OpenAPI on a real socket, which records its requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel
from stub_server import serve_handler

Json = dict[str, Any]

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


def build_document(**paths: Any) -> Json:
    return {"openapi": "3.1.0", "info": {"title": "Office", "version": "1"}, "paths": paths}


DOCUMENT: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Office", "version": "1"},
    "paths": {
        "/rooms/{room}/bookings": {
            "parameters": [{"name": "room", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "list_bookings",
                "summary": "List bookings",
                "parameters": [
                    {"name": "day", "in": "query", "description": "A day", "schema": {"type": "string"}},
                    {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "open", "in": "query", "schema": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
                    {"$ref": "#/components/parameters/Language"},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                ],
            },
            "post": {
                "operationId": "book_room",
                "description": "Book a room",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Booking"}}},
                },
            },
        },
        "/tags": {
            "put": {
                "operationId": "set_tags",
                "requestBody": {
                    "content": {"application/json": {"schema": {"type": "array", "items": {"type": "string"}}}}
                },
            }
        },
        "/page": {"get": {"operationId": "show_page"}},
        "/elsewhere": {"get": {"operationId": "show_elsewhere"}},
        "/picture": {"get": {"operationId": "take_picture"}},
        "/pdf": {"get": {"operationId": "print_pdf"}},
        "/broken": {"get": {"operationId": "break.down"}},
        "/nothing": {"delete": {"operationId": "delete_everything"}},
        "/endless": {"get": {"operationId": "send_much"}},
        "/large": {"get": {"operationId": "send_large"}},
        "/latin": {"get": {"operationId": "read_latin"}},
        "/odd": {"get": {"operationId": "read_odd"}},
        "/slow": {"get": {"operationId": "wait_long"}},
        "/headers": {"get": {"operationId": "show_headers"}},
        "/x": {"get": {"summary": "without an id"}, "x-note": {"operationId": "no_method"}},
    },
    "components": {
        "parameters": {
            "Language": {
                "name": "X-Language",
                "in": "header",
                "schema": {"type": "string", "enum": ["de", "en"], "description": "A language"},
            }
        },
        "schemas": {
            "Booking": {
                "type": "object",
                "required": ["day", "person"],
                "properties": {
                    "day": {"type": "string"},
                    "person": {"$ref": "#/components/schemas/Person"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                },
            },
            "Person": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "boss": {"$ref": "#/components/schemas/Person"}},
            },
        },
    },
}


class ToolServer:
    """The server; `requests` are `(method, raw path, headers, body)`, oldest first, without those for its document."""

    def __init__(self, document: Any) -> None:
        self.url = ""
        self.document = document
        self.document_loads = 0
        self.is_slow = False
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        self.is_waiting, self.may_continue = asyncio.Event(), asyncio.Event()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/openapi.json":
            self.document_loads += 1
            if self.is_slow:
                self.is_waiting.set()
                await self.may_continue.wait()
            text = self.document if isinstance(self.document, str) else json.dumps(self.document)
            return web.Response(text=text)
        body = (await request.read()).decode()
        self.requests.append((request.method, request.raw_path, dict(request.headers), body))
        match request.path:
            case "/page":
                return web.Response(
                    text="<b>page</b>", content_type="text/html", headers={"content-disposition": "inline"}
                )
            case "/elsewhere":
                headers = {"content-disposition": "inline", "location": "https://example.com/map"}
                return web.json_response(["", {"distance": 3}], headers=headers)
            case "/picture":
                return web.Response(body=PNG, content_type="image/png")
            case "/pdf":
                return web.Response(body=b"%PDF-1.7\xff\x00", content_type="application/pdf")
            case "/broken":
                return web.Response(status=418, text="I am a teapot")
            case "/nothing":
                return web.Response(status=204)
            case "/endless":
                return await self._send_much(request)
            case "/latin":
                return web.Response(
                    body="für".encode("latin-1"), headers={"content-type": "text/plain; charset=latin-1"}
                )
            case "/odd":
                return web.Response(body="für".encode(), headers={"content-type": "text/plain; charset=punycode"})
            case "/large":
                return web.json_response([{"number": number, "text": "x" * 10} for number in range(20_000)])
            case "/slow":
                self.is_waiting.set()
                await self.may_continue.wait()
                return web.json_response({})
            case "/headers":
                return web.json_response({"ok": True})
        return web.json_response({"method": request.method, "path": request.raw_path})

    async def _send_much(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/plain"})
        await response.prepare(request)
        for _ in range(800):
            await response.write(b"x" * 64 * 1024)
        return response

    def connect(self, server_id: str, **fields: Any) -> Json:
        """Return a connection to this server."""
        config = {"enable": True, **fields.pop("config", {})}
        info = {"id": server_id, "name": server_id.title()}
        connection = {"url": self.url, "path": "openapi.json", "type": "openapi", "auth_type": "none", "key": ""}
        return {**connection, "info": info, "config": config, **fields}


@asynccontextmanager
async def run_tool_server(document: Any = DOCUMENT) -> AsyncIterator[ToolServer]:
    """Run a tool server while the context is open."""
    server = ToolServer(document)
    async with serve_handler(server.respond) as server.url:
        yield server
        server.may_continue.set()


async def connect_tool_servers(admin: Person, *connections: Json) -> None:
    """Have these connections to tool servers, and no others."""
    (await admin.post("/api/v1/configs/tool_servers", {"TOOL_SERVER_CONNECTIONS": list(connections)})).ok()


async def ask(person: Person, **more: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ask on the page; return the items of the answer, and its status lines."""
    async with open_page(person) as page:
        (await person.post("/api/chat/completions", page.build_body("Hello", models=[MODEL_ID], **more))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
        return done["output"], page.list_data("status")


def list_texts(output: list[dict[str, Any]]) -> list[str]:
    return [item["output"][0]["text"] for item in output if item["type"] == "function_call_output"]


def find_spec(model: QueuedModel, name: str) -> dict[str, Any]:
    return next(tool["function"] for tool in model.requests[0]["tools"] if tool["function"]["name"] == name)
