"""Tools in Python on the page: the model calls them, they run, and the model goes on with what they return."""

from __future__ import annotations

from typing import Any

from conftest import Person, Server
from page_client import open_page
from plugin_installation import install_tool
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"

ADDER = '''
from pydantic import BaseModel, Field


class Tools:
    class Valves(BaseModel):
        offset: int = 0

    def __init__(self):
        self.valves = self.Valves()

    async def add_numbers(self, a: int, b: int, __event_emitter__=None, __user__: dict = {}) -> str:
        """
        Add two numbers.
        :param a: the first
        :param b: the second
        """
        await __event_emitter__({"type": "status", "data": {"description": "adding", "done": True}})
        return a + b + self.valves.offset

    def name_user(self, __user__: dict) -> dict:
        """Name the user."""
        return {"name": __user__["name"]}

    def fail(self) -> str:
        raise ValueError("out of numbers")

    def do_nothing(self):
        """Do nothing."""
'''


async def ask_with_tools(person: Person, text: str = "What is 2 and 3?", **more: Any) -> list[dict[str, Any]]:
    """Ask on the page, wait for the end, and return the items of the stored answer."""
    async with open_page(person) as page:
        body = page.build_body(text, models=[MODEL_ID], **more)
        (await person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    return done["output"]


async def test_a_tool_is_offered_called_and_its_result_used(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "adder", ADDER, valves={"offset": 100})
    model.queue(call_tools(("add_numbers", {"a": "2", "b": 3, "c": 4}), content="Let me see. "), "It is 105.")
    async with open_page(ada) as page:
        body = page.build_body("What is 2 and 3?", models=[MODEL_ID], tool_ids=["adder"])
        started = (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
        assert {"description": "adding", "done": True} in page.list_data("status")
        changes = [data for data in page.list_data("response:completion") if data["type"].startswith("response.output")]
    assert "add_numbers" in model.tool_names
    spec = next(tool["function"] for tool in model.requests[0]["tools"] if tool["function"]["name"] == "add_numbers")
    assert spec["description"].strip() == "Add two numbers."
    assert list(spec["parameters"]["properties"]) == ["a", "b"]
    (call,) = model.requests[1]["messages"][-2]["tool_calls"]
    assert call["function"] == {"name": "add_numbers", "arguments": '{"a":"2","b":3,"c":4}'}
    assert model.requests[1]["messages"][-1] == {"role": "tool", "tool_call_id": call["id"], "content": "105"}
    assert [change["item"]["status"] for change in changes if "item" in change and change["output_index"] == 1] == [
        "in_progress",
        "in_progress",
        "completed",
    ]
    chat = (await ada.get(f"/api/v1/chats/{started['chat_id']}")).ok()
    answer = chat["chat"]["history"]["messages"][body["id"]]
    assert [item["type"] for item in answer["output"]] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]
    assert answer["content"] == "Let me see. \nIt is 105."
    assert answer["done"] is True


async def test_calls_run_one_after_the_other_and_rounds_follow_rounds(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "adder", ADDER)
    model.queue(
        call_tools(("add_numbers", {"a": 1, "b": 1}), ("name_user", {})),
        call_tools(("add_numbers", '{"a": 1, "b": 2}{"a": 3, "b": 4}')),
        "Done.",
    )
    output = await ask_with_tools(ada, tool_ids=["adder"])
    results = [item["output"][0]["text"] for item in output if item["type"] == "function_call_output"]
    assert results == ["2", '{\n  "name": "Ada"\n}', "3", "7"]
    assert len(model.requests) == 3
    assert [message["role"] for message in model.requests[2]["messages"]][-7:] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
        "tool",
    ]


async def test_the_model_learns_from_what_went_wrong(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "adder", ADDER)
    model.queue(
        call_tools(
            ("add_numbers", '{"a": 1,'),
            ("add_numbers", "[1, 2]"),
            ("no_such_tool", {}),
            ("fail", {}),
            ("do_nothing", {}),
        ),
        "I give up.",
    )
    output = await ask_with_tools(ada, tool_ids=["adder"])
    results = {item["call_id"]: item for item in output if item["type"] == "function_call_output"}
    texts = [item["output"][0]["text"] for item in results.values()]
    malformed = (
        "Error: Tool call arguments could not be parsed. The model generated malformed or incomplete JSON for "
        "`{name}`. Please try again."
    )
    assert texts == [
        malformed.format(name="add_numbers"),
        "Error: Tool call arguments for `add_numbers` must be a JSON object. Please try again.",
        'Error: Tool "no_such_tool" not found.',
        '{\n  "error": "out of numbers"\n}',
        malformed.format(name="do_nothing"),
    ]
    assert {item["status"] for item in results.values()} == {"failed"}
    assert {item["status"] for item in output if item["type"] == "function_call"} == {"failed"}


async def test_html_of_a_tool_is_shown_on_the_page(ada: Person, model: QueuedModel) -> None:
    code = '''
from starlette.responses import HTMLResponse


class Tools:
    def draw(self):
        """Draw."""
        return HTMLResponse("<b>drawn</b>", headers={"Content-Disposition": "inline"}), {"size": 3}
'''
    await install_tool(ada, "artist", code)
    model.queue(call_tools(("draw", {})), "Look!")
    output = await ask_with_tools(ada, tool_ids=["artist"])
    (result,) = [item for item in output if item["type"] == "function_call_output"]
    assert result["embeds"] == ["<b>drawn</b>"]
    assert result["output"] == [{"type": "input_text", "text": '{\n  "size": 3\n}'}]


async def test_a_user_is_offered_only_tools_that_they_may_use(server: Server, ada: Person, model: QueuedModel) -> None:
    bob = await server.add_user(ada, "Bob")
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": {}, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", entry)).ok()
    await install_tool(ada, "adder", ADDER)
    await ask_with_tools(bob, tool_ids=["adder"])
    assert "add_numbers" not in model.tool_names


async def test_an_api_client_gets_the_calls_and_runs_them_itself(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "adder", ADDER)
    model.queue(call_tools(("add_numbers", {"a": 1, "b": 1})))
    body = {"model": MODEL_ID, "messages": [{"role": "user", "content": "1 and 1?"}], "tool_ids": ["adder"]}
    completion = (await ada.post(CHAT, body)).ok()
    (call,) = completion["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "add_numbers", "arguments": '{"a": 1, "b": 1}'}
    assert len(model.requests) == 1


async def test_an_error_without_a_text_is_named(ada: Person, model: QueuedModel) -> None:
    code = "class Tools:\n    def take_memory(self):\n        raise MemoryError\n"
    await install_tool(ada, "endless", code)
    model.queue(call_tools(("take_memory", {})), "Done.")
    _, result, _ = await ask_with_tools(ada, tool_ids=["endless"])
    assert result["output"][0]["text"] == '{\n  "error": "MemoryError"\n}' and result["status"] == "failed"
