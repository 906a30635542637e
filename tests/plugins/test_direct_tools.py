"""Tool servers of users: the page sends their tools with a question, and calls them for the server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import Person, Server
from direct_servers import allow_direct_servers, reply_to_calls
from page_client import Page, open_page
from queued_model import MODEL_ID, QueuedModel, call_tools


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "ENABLE_TOOL_PERMISSIONS": "true"}


CHAT = "/api/chat/completions"
Json = dict[str, Any]

SPECS = [
    {
        "type": "function",
        "name": "find_book",
        "description": "Find a book",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    },
    {"name": "get_current_timestamp", "description": "Mine", "parameters": {"type": "object", "properties": {}}},
]
LIBRARY = {"url": "http://library.local", "specs": SPECS, "system_prompt": "Whisper.", "info": {"title": "Library"}}


async def ask(page: Page, **more: Any) -> list[Json]:
    """Ask on the page, and return the items of the answer."""
    (await page.person.post(CHAT, page.build_body("Hello", models=[MODEL_ID], **more))).ok()
    await page.wait_until_idle()
    done: Json = await page.wait_for("chat:completion", lambda data: data.get("done"))
    return [item for item in done["output"] if item["type"] == "function_call_output"]


async def test_the_page_calls_its_servers(ada: Person, model: QueuedModel) -> None:
    await allow_direct_servers(ada)
    model.queue(call_tools(("find_book", {"title": "Emma", "other": 1}), ("get_current_timestamp", {})), "Found.")
    async with open_page(ada) as page:
        calls = reply_to_calls(
            page,
            lambda data: (
                [["<i>Emma</i>", {"shelf": 7}], {"content-type": "text/html", "content-disposition": "inline"}]
                if data["data"]["name"] == "find_book"
                else {"error": "closed"}
            ),
        )
        session_id = page.socket.get_sid()
        first, second = await ask(page, tool_servers=[LIBRARY, 3, {"specs": [1, {"name": 2}, {"name": "x/y"}]}])
    assert first["embeds"] == ["<i>Emma</i>"]
    assert json.loads(first["output"][0]["text"]) == {"shelf": 7}
    assert (json.loads(second["output"][0]["text"]), second["status"]) == ({"error": "closed"}, "failed")
    call = calls[0]["data"]["data"]
    assert (call["name"], call["params"], call["session_id"]) == ("find_book", {"title": "Emma"}, session_id)
    assert call["server"] == {"url": "http://library.local", "info": {"title": "Library"}}
    assert model.tool_names.count("get_current_timestamp") == 1 and "x_y" in model.tool_names
    assert "Whisper." in model.requests[0]["messages"][0]["content"]


async def test_users_need_permission_and_the_setting(server: Server, ada: Person, model: QueuedModel) -> None:
    bob = await server.add_user(ada, "Bob")
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": {}, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", entry)).ok()
    for person in (ada, bob):
        async with open_page(person) as page:
            await ask(page, tool_servers=[LIBRARY])
            assert "find_book" not in model.tool_names
    await allow_direct_servers(ada)
    async with open_page(bob) as page:
        await ask(page, tool_servers=[LIBRARY])
        assert "find_book" not in model.tool_names
        assert "Whisper." not in json.dumps(model.requests[-1])
        permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
        permissions["features"]["direct_tool_servers"] = True
        (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
        page.events.clear()
        await ask(page, tool_servers=[LIBRARY])
        assert "find_book" in model.tool_names


async def test_an_own_terminal_shows_files_and_offers_the_shell_that_is_open(ada: Person, model: QueuedModel) -> None:
    await allow_direct_servers(ada)
    names = ["display_file", "run_command", "read_user_terminal"]
    path = {"type": "object", "properties": {"path": {"type": "string"}, "page": {"type": "integer"}}}
    shell = {
        "url": "http://shell.local",
        "is_terminal": True,
        "specs": [{"name": name, "description": name, "parameters": path} for name in names],
    }
    replies = {
        "execute:tool": [{"path": "/home/a.pdf", "exists": True}, {}],
        "request:terminal:state": {"connected": True},
        "request:terminal": {"data": None},
    }
    async with open_page(ada) as page:
        model.queue(call_tools(("display_file", {"path": "a.pdf", "page": 2}), ("run_command", {})), "Shown.")
        reply_to_calls(page, lambda data: replies[data["type"]])
        shown, _ = await ask(page, tool_servers=[shell], terminal_id="http://shell.local")
        assert "read_user_terminal" in model.tool_names
        assert page.list_data("terminal:display_file") == [{"path": "/home/a.pdf", "page": 2}]
        assert page.list_data("terminal:run_command") == [{}]
        result = json.loads(shown["output"][0]["text"])
        assert (result["type"], result["source"], result["page"]) == ("file", "open_terminal", 2)
        assert (result["terminal_selector"], result["name"]) == ("http://shell.local", "a.pdf")
        assert result["mime_type"] == "application/pdf"
        replies["request:terminal:state"] = {"connected": False}
        page.events.clear()
        await ask(page, tool_servers=[shell], terminal_id="http://shell.local")
        assert "read_user_terminal" not in model.tool_names and "run_command" in model.tool_names
        entry = {
            "id": "limited",
            "name": "Limited",
            "base_model_id": MODEL_ID,
            "params": {},
            "meta": {"capabilities": {"terminal": False}},
        }
        (await ada.post("/api/v1/models/create", entry)).ok()
        page.events.clear()
        body = page.build_body("Hello", models=["limited"], tool_servers=[shell])
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
        assert "run_command" not in model.tool_names


async def test_an_approved_call_goes_to_the_page(ada: Person, model: QueuedModel) -> None:
    await allow_direct_servers(ada)
    model.queue(call_tools(("find_book", {"title": "Emma"})), "Found.")
    async with open_page(ada) as page:
        calls = reply_to_calls(page, lambda data: ["on shelf 7", {}])
        body = page.build_body("Hello", models=[MODEL_ID], tool_servers=[LIBRARY], params={"tool_approval_mode": "ask"})
        chat_id = (await ada.post(CHAT, body)).ok()["chat_id"]
        await page.wait_until_idle()
        message = (await page.get_chat(chat_id))["chat"]["history"]["messages"][body["id"]]
        (call,) = [item for item in message["output"] if item["type"] == "function_call"]
        assert (call["status"], calls) == ("pending", [])
        page.events.clear()
        url = f"/api/v1/chats/{chat_id}/messages/{body['id']}/resolve"
        (await ada.post(url, {"call_id": call["call_id"], "action": "approve"})).ok()
        await page.wait_until_idle()
        message = (await page.get_chat(chat_id))["chat"]["history"]["messages"][body["id"]]
    assert [item["output"][0]["text"] for item in message["output"] if item["type"] == "function_call_output"] == [
        "on shelf 7"
    ]
    assert [entry["data"]["data"]["name"] for entry in calls] == ["find_book"]
    assert message["content"] == "Found."
