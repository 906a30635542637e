"""Filters in chats: what their hooks see and change, in which order they run, and what their errors do."""

from __future__ import annotations

import json

from conftest import Person
from page_client import open_page
from plugin_installation import ask, build_question, install_function
from queued_model import MODEL_ID, QueuedModel


def build_filter(name: str, priority: int = 0) -> str:
    """Return a filter that writes its name into whatever passes."""
    return f'''
from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        priority: int = {priority}
        word: str = "{name}"

    def __init__(self):
        self.valves = self.Valves()

    async def inlet(self, body, __user__=None, __metadata__=None):
        body["messages"][-1]["content"] += f" [{{self.valves.word}} {{__user__['name']}}]"
        __metadata__.setdefault("trail", []).append(self)
        return body

    def request(self, body, __metadata__):
        body["seed"] = len(__metadata__["trail"])
        return body

    def stream(self, event):
        for choice in event.get("choices", []):
            if choice["delta"].get("content"):
                choice["delta"]["content"] += "/{name}"
        return event
'''


async def test_filters_change_question_request_and_stream_in_their_order(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "second", build_filter("second", priority=5), is_global=True)
    await install_function(ada, "first", build_filter("first", priority=1), is_global=True, valves={"word": "One"})
    model.queue("Hi")
    assert await ask(ada) == "Hi/first/second"
    assert model.requests[-1]["messages"][-1]["content"] == "Hello [One Ada] [second Ada]"
    assert model.requests[-1]["seed"] == 2


async def test_the_error_of_an_inlet_ends_the_turn_with_its_text(ada: Person, model: QueuedModel) -> None:
    code = "class Filter:\n    def inlet(self, body):\n        raise Exception('Not on Sundays')\n"
    await install_function(ada, "strict", code, is_global=True)
    (await ada.post("/api/chat/completions", build_question())).refused(400, "Not on Sundays")
    async with open_page(ada) as page:
        body = page.build_body("Hello", models=[MODEL_ID])
        await ada.post("/api/chat/completions", body)
        error = await page.wait_for("chat:message:error")
    assert error == {"error": {"content": "Not on Sundays"}, "done": True}
    assert model.requests == []


async def test_a_filter_shows_events_on_the_page_and_asks_it(ada: Person, model: QueuedModel) -> None:
    code = """
class Filter:
    async def inlet(self, body, __event_emitter__, __event_call__):
        await __event_emitter__({"type": "status", "data": {"description": "Looking", "done": True}})
        reply = await __event_call__({"type": "input", "data": {"title": "Which?"}})
        body["messages"][-1]["content"] += f" ({reply})"
        return body
"""
    await install_function(ada, "curious", code, is_global=True)
    async with open_page(ada) as page:
        page.socket.on("events", lambda event: page.record_event(event) or reply_to(event))

        def reply_to(event):
            return "the red one" if event["data"]["type"] == "input" else None

        await ada.post("/api/chat/completions", page.build_body("Hello", models=[MODEL_ID]))
        await page.wait_until_idle()
        assert await page.wait_for("status") == {"description": "Looking", "done": True}
    assert model.requests[0]["messages"][-1]["content"] == "Hello (the red one)"


async def test_annotations_are_not_evaluated_and_halves_of_characters_are_joined(
    ada: Person, model: QueuedModel
) -> None:
    code = """
class Filter:
    def inlet(self, body: LaterType) -> "OtherType":
        body["messages"][-1]["content"] += " \\ud83d\\ude00 \\ud83d"
        return body
"""
    await install_function(ada, "annotated", code, is_global=True)
    model.queue("Hi")
    assert await ask(ada) == "Hi"
    assert model.requests[-1]["messages"][-1]["content"] == "Hello \U0001f600 \ufffd"


SEEING = """
import json


class Filter:
    def inlet(self, body, __metadata__, __request__, __features__="none", __event_emitter__=None):
        self.seen = {
            "inlet": sorted(__metadata__),
            "body": sorted(body),
            "same": body["metadata"] is __metadata__,
            "inlet features": __features__,
            "request": [__request__.method, __request__.url.path, __request__.headers["x-agent"]],
            "query": __request__.query_params.get("x"),
        }
        return body

    def request(self, body, __metadata__, __features__):
        self.seen |= {"request metadata": sorted(__metadata__), "features": __features__}
        self.seen |= {name: __metadata__[name] for name in ("base_user_prompt", "model_id", "task_id", "user_message")}
        return body

    def outlet(self, body):
        body["messages"][-1]["content"] = json.dumps(self.seen)
        return body
"""


async def test_metadata_of_inlet_and_request_have_the_keys_of_open_webui(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "seeing", SEEING, is_global=True)
    async with open_page(ada) as page:
        body = page.build_body("Hello", models=[MODEL_ID], features={"memory": False}, variables={"{{X}}": "x"})
        reply = (await ada.post("/api/chat/completions?x=y", body, headers={"x-agent": "tests"})).ok()
        await page.wait_until_idle()
        chat = await page.get_chat(reply["chat_id"])
    seen = json.loads(chat["chat"]["history"]["messages"][body["id"]]["content"])
    assert len(seen["inlet"]) == 26
    added = set(seen["request metadata"]) - set(seen["inlet"])
    names = "model_id tools sources skill_ids base_system_prompt base_user_prompt terminal_id"
    assert added == set(names.split())
    assert seen["body"] == ["features", "messages", "metadata", "model", "stream"]
    assert (seen["same"], seen["inlet features"], seen["features"]) == (True, "none", {"memory": False})
    assert seen["request"] == ["POST", "/api/chat/completions", "tests"]
    assert (seen["query"], seen["base_user_prompt"], seen["model_id"]) == ("y", "Hello", MODEL_ID)
    assert seen["task_id"] == reply["task_ids"][0]
    assert seen["user_message"]["user"] == {"id": ada.id, "name": "Ada"}
