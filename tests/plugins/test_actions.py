"""Actions: buttons below an answer, in the list of models and when they are pressed."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person
from page_client import Page, open_page
from plugin_installation import install_function
from queued_model import MODEL_ID, QueuedModel
from waiting import wait_until

ACTION = '''"""
title: Sharing
icon_url: data:image/header
"""
from pydantic import BaseModel, Field


class Action:
    actions = [
        {"id": "short", "name": "Short", "icon_url": "data:image/short"},
        {"id": "long"},
    ]

    class Valves(BaseModel):
        priority: int = 0
        greeting: str = "Hello"

    class UserValves(BaseModel):
        signature: str = "nobody"

    def __init__(self):
        self.valves = self.Valves()

    async def action(self, body, __user__, __id__, __model__, __request__, __event_emitter__, __event_call__):
        await __event_emitter__({"type": "status", "data": {"description": "Sharing", "done": True}})
        name = await __event_call__({"type": "input", "data": {"title": "Name?"}})
        await __event_emitter__({"type": "replace", "data": {"content": f"{self.valves.greeting}, {name}!"}})
        return {
            "user": __user__["name"],
            "signature": __user__["valves"].signature,
            "button": __id__,
            "model": __model__["id"],
            "agent": __request__.headers["x-agent"],
            "body": body,
        }
'''


def build_press(sent: dict[str, Any], page: Page) -> dict[str, Any]:
    """Return the body that the page sends when a button is pressed."""
    return {
        "model": MODEL_ID,
        "chat_id": sent["chat_id"],
        "id": sent["answer"],
        "session_id": page.socket.get_sid(),
        "messages": [],
    }


async def get_entry(person: Person) -> dict[str, Any]:
    models = (await person.get("/api/models")).ok()["data"]
    entry: dict[str, Any] = next(model for model in models if model["id"] == MODEL_ID)
    return entry


async def test_an_action_asks_the_page_and_changes_the_message(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "sharing", ACTION, is_global=True, valves={"greeting": "Good morning"})
    await ada.post("/api/v1/functions/id/sharing/valves/user/update", {"signature": "A. L."})
    model.queue("Hi")
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        page.socket.on("events", lambda event: page.record_event(event) or reply_to(event))

        def reply_to(event: dict[str, Any]) -> Any:
            return "Grace" if event["data"]["type"] == "input" else None

        body = build_press(sent, page)
        result = (await ada.post("/api/chat/actions/sharing.short", body, headers={"x-agent": "tests"})).ok()
        chat = await page.get_chat(sent["chat_id"])
    assert result == {
        "user": "Ada",
        "signature": "A. L.",
        "button": "short",
        "model": MODEL_ID,
        "agent": "tests",
        "body": body,
    }
    answer = chat["chat"]["history"]["messages"][sent["answer"]]
    assert answer["content"] == "Good morning, Grace!"
    assert answer["statusHistory"] == [{"description": "Sharing", "done": True}]


async def test_html_of_an_action_is_shown_in_the_message(ada: Person, model: QueuedModel) -> None:
    code = """
from starlette.responses import HTMLResponse


class Action:
    def action(self, body):
        return HTMLResponse("<p>Hi</p>", headers={"Content-Disposition": "inline"})
"""
    await install_function(ada, "page", code, is_global=True)
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        result = (await ada.post("/api/chat/actions/page", build_press(sent, page))).ok()
        assert await page.wait_for("embeds") == {"embeds": ["<p>Hi</p>"]}
        chat = await page.get_chat(sent["chat_id"])
    assert result["status"] == "success"
    assert chat["chat"]["history"]["messages"][sent["answer"]]["embeds"] == ["<p>Hi</p>"]


async def test_content_with_headers_is_shown_in_the_message(ada: Person, model: QueuedModel) -> None:
    code = """
class Action:
    def action(self, body):
        shown = {"Content-Disposition": "inline"}
        if body["kind"] == "html":
            return "<p>Hi</p>", {**shown, "Content-Type": "text/html"}
        if body["kind"] == "address":
            return ("", "look"), {**shown, "Location": "https://example.org/"}
        return "text", {"x": "y"}
"""
    await install_function(ada, "page", code, is_global=True)
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        results = [
            (await ada.post("/api/chat/actions/page", build_press(sent, page) | {"kind": kind})).ok()
            for kind in ("html", "address", "other")
        ]
        chat = await page.get_chat(sent["chat_id"])
    assert (results[0]["status"], results[1], results[2]) == ("success", "look", ["text", {"x": "y"}])
    assert chat["chat"]["history"]["messages"][sent["answer"]]["embeds"] == ["https://example.org/", "<p>Hi</p>"]


async def test_what_an_action_may_not_do(ada: Person, bob: Person, model: QueuedModel) -> None:
    failing = "class Action:\n    def action(self, body):\n        raise ValueError('not today')\n"
    await install_function(ada, "failing", failing)
    body = {"model": MODEL_ID, "chat_id": "", "id": "m", "session_id": "s"}
    path = "/api/chat/actions"
    (await ada.post(f"{path}/failing", body)).refused(400, "Error: not today")
    (await ada.post(f"{path}/missing.sub", body)).refused(400, "Action not found: missing")
    (await ada.post(f"{path}/failing", {**body, "model": "none"})).refused(400, "Model not found")
    without_session = {name: value for name, value in body.items() if name != "session_id"}
    (await ada.post(f"{path}/failing", without_session)).refused(400, "'session_id'")
    await ada.post("/api/v1/functions/id/failing/toggle")
    (await ada.post(f"{path}/failing", body)).refused(400, "Action not available: failing")


async def test_entries_of_models_show_actions_and_switches_of_filters(ada: Person, model: QueuedModel) -> None:
    toggle = (
        'class Filter:\n    toggle = True\n    icon = "data:image/filter"\n\n'
        "    def inlet(self, body):\n        return body\n"
    )
    assert (await get_entry(ada))["actions"] == []
    await install_function(ada, "sharing", ACTION, is_global=True)
    await install_function(ada, "other", toggle, is_global=True)
    await install_function(ada, "always", toggle.replace("True", "False"), is_global=True)
    await install_function(ada, "chosen", toggle)
    entry = await get_entry(ada)
    assert entry["actions"] == [
        {"id": "sharing.short", "name": "Short", "description": "", "icon": "data:image/short"},
        {"id": "sharing.long", "name": "Sharing (long)", "description": "", "icon": "data:image/header"},
    ]
    switch = {
        "id": "other",
        "name": "Other",
        "description": "",
        "icon": "data:image/filter",
        "has_user_valves": False,
    }
    assert entry["filters"] == [switch]
    form = {"id": MODEL_ID, "name": "Queued", "meta": {"filterIds": ["chosen"]}, "params": {}, "base_model_id": None}
    (await ada.post("/api/v1/models/create", form)).ok()
    assert [item["id"] for item in (await get_entry(ada))["filters"]] == ["chosen", "other"]
    await ada.post("/api/v1/functions/id/sharing/toggle")
    assert (await get_entry(ada))["actions"] == []


async def test_a_function_that_loads_slowly_delays_no_list_of_models(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "sharing", ACTION, is_global=True)
    assert len((await get_entry(ada))["actions"]) == 2
    slow = "import time\n\ntime.sleep(4)\n\n\nclass Action:\n    def action(self, body):\n        return body\n"
    await install_function(ada, "slow", slow, is_global=True)
    start = asyncio.get_running_loop().time()
    assert len((await get_entry(ada))["actions"]) == 2
    assert asyncio.get_running_loop().time() - start < 3

    async def has_three() -> bool:
        return len((await get_entry(ada))["actions"]) == 3

    await wait_until(has_three, 15)
