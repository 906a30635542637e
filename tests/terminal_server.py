"""A terminal server that records its requests, and turns that select it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from aiohttp import web

from conftest import Person
from page_client import Page
from queued_model import MODEL_ID
from tool_server import build_document

CHAT = "/api/chat/completions"
Json = dict[str, Any]

PATH_PARAMETER = [{"name": "path", "in": "query", "required": True, "schema": {"type": "string"}}]
COMMAND = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
DOCUMENT = build_document(
    **{
        "/files/display": {"get": {"operationId": "display_file", "parameters": PATH_PARAMETER}},
        "/files/write": {"post": {"operationId": "write_file", "parameters": PATH_PARAMETER}},
        "/execute": {
            "post": {
                "operationId": "run_command",
                "description": "Run a command",
                "requestBody": {"content": {"application/json": {"schema": COMMAND}}},
            }
        },
        "/shell": {"get": {"operationId": "read_user_terminal"}},
    }
)


class TerminalServer:
    """A terminal server that records its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.instructions = "Use tabs."
        #: The instructions of the skills, by name.
        self.skills: dict[str, str] = {}
        self.is_slow = False

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.raw_path, dict(request.headers)))
        if request.path.endswith("/openapi.json"):
            return web.json_response(DOCUMENT)
        if self.is_slow:
            await asyncio.sleep(30)
        answers: dict[str, Any] = {
            "/files/cwd": {"cwd": "/home/ada/work", "home": "/home/ada"},
            "/files/read": {"content": self.instructions},
            "/api/config": {"features": {"system": True}},
            "/system": {"prompt": "This is Debian."},
            "/files/display": {"path": "/home/ada/work/a.pdf", "exists": True},
            "/execute": {"stdout": "hello"},
        }
        if self.skills:
            answers["/skills"] = [self.describe_skill(name) for name in self.skills]
        if request.path == "/skills/read" and (name := request.query["name"]) in self.skills:
            content = {"content": self.skills[name], "resources": ["run.sh", "more/notes.md"]}
            return web.json_response({**self.describe_skill(name), **content})
        path = request.path.removeprefix("/p/small")
        if path not in answers:
            return web.json_response({"size": 1})
        return web.json_response(answers[path])

    def describe_skill(self, name: str) -> Json:
        location = f"/home/ada/skills/{name}/SKILL.md"
        return {"id": f"terminal:{quote(name)}", "name": name, "description": f"On {name}", "location": location}

    def list_headers(self, path: str) -> dict[str, str]:
        return next(headers for _, raw_path, headers in self.requests if raw_path.startswith(path))


async def connect_terminal(admin: Person, terminal: TerminalServer, **fields: Any) -> None:
    connection = {"id": "shell", "name": "Shell", "url": terminal.url, "key": "k", "auth_type": "bearer", **fields}
    body = {"TERMINAL_SERVER_CONNECTIONS": [{"enabled": True, "config": {}, **connection}]}
    (await admin.post("/api/v1/configs/terminal_servers", body)).ok()


async def ask(page: Page, **more: Any) -> tuple[str, list[Json]]:
    """Ask on the page; return the id of the chat, and the results of the calls."""
    body = page.build_body("Hello", models=[MODEL_ID], **{"terminal_id": "shell", **more})
    started = (await page.person.post(CHAT, body)).ok()
    await page.wait_until_idle()
    done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    return started["chat_id"], [item for item in done["output"] if item["type"] == "function_call_output"]
