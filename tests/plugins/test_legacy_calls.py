"""Tools for models that call no functions themselves: another request chooses the calls before the answer."""

from __future__ import annotations

import json

from conftest import Person
from page_client import open_page
from plugin_installation import ask, install_tool
from queued_model import MODEL_ID, QueuedModel

CHAT = "/api/chat/completions"
LEGACY = {"function_calling": "legacy"}
TOOL = '''
from starlette.responses import HTMLResponse


class Tools:
    def add(self, a: int, b: int) -> int:
        """Add."""
        return a + b

    def draw(self):
        """Draw."""
        return HTMLResponse("<b>x</b>", headers={"Content-Disposition": "inline"})
'''


async def test_chosen_calls_run_and_their_results_go_before_the_question(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "math", TOOL)
    calls = [{"name": "add", "parameters": {"a": 2, "b": "3", "c": 1}}, {"name": "draw"}, {"name": "unknown"}]
    model.queue(f"Sure: {json.dumps({'tool_calls': calls})}", "It is 5.")
    async with open_page(ada) as page:
        body = page.build_body("2 and 3?", models=[MODEL_ID], tool_ids=["math"], params=LEGACY)
        started = (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
        sources = page.list_data("chat:completion")[0]["sources"]
        assert page.list_data("embeds")[0]["embeds"] == ["<b>x</b>"]
    question, answer = model.requests[:2]
    assert question["stream"] is False and "tools" not in question and "tools" not in answer
    assert '"name": "add"' in question["messages"][0]["content"]
    assert question["messages"][1]["content"] == "Query: 2 and 3?"
    assert ">5</source>" in answer["messages"][-1]["content"]
    assert answer["messages"][-1]["content"].endswith("2 and 3?")
    assert sources[0] == {
        "source": {"name": "math/add"},
        "document": ["5"],
        "metadata": [{"source": "math/add", "parameters": {"a": 2, "b": "3", "c": 1}}],
        "tool_result": True,
    }
    chat = (await ada.get(f"/api/v1/chats/{started['chat_id']}")).ok()["chat"]
    message = chat["history"]["messages"][body["id"]]
    assert message["sources"] == sources and message["content"] == "It is 5."


async def test_a_single_call_counts_and_nonsense_is_no_call(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "math", TOOL)
    model.queue('{"name": "add", "parameters": {"a": 1, "b": 1}}', "2")
    assert await ask(ada, tool_ids=["math"], params=LEGACY) == "2"
    assert ">2</source>" in model.requests[-1]["messages"][-1]["content"]
    for reply in ("I need no tool.", '{"tool_calls": []}', '{"tool_calls": 5}', '{"name": ["add"]}', "{"):
        model.queue(reply, "Hm.")
        assert await ask(ada, tool_ids=["math"], params=LEGACY) == "Hm."
        assert model.requests[-1]["messages"][-1]["content"] == "Hello"
