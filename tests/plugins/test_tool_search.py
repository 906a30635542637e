"""Tool search: large specifications are looked up by the model instead of being sent with every chat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import Person
from page_client import open_page
from plugin_installation import install_tool
from queued_model import MODEL_ID, QueuedModel, call_tools

WEATHER = '''
class Tools:
    def get_weather(self, city: str, days: int = 1) -> str:
        """
        Return the weather forecast of a city for some days, with temperatures, rain and wind, as a short text.
        :param city: the name of the city, in any language, without its country
        :param days: for how many days the forecast is wanted, beginning with today, at most fourteen
        """
        return f"Sun in {city} for {days} days"

    def add(self, a: int) -> int:
        """Add one."""
        return a + 1
'''


async def ask_on_page(person: Person, **more: Any) -> list[dict[str, Any]]:
    async with open_page(person) as page:
        (await person.post("/api/chat/completions", page.build_body("Go", models=[MODEL_ID], **more))).ok()
        await page.wait_until_idle()
        done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    output: list[dict[str, Any]] = done["output"]
    return output


class TestToolSearch:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return {**model.env, "ENABLE_TOOL_SEARCH": "true", "TOOL_SEARCH_DEFER_THRESHOLD": "350"}

    async def test_a_tool_is_found_and_called_through_another(self, ada: Person, model: QueuedModel) -> None:
        await install_tool(ada, "weather", WEATHER)
        model.queue(
            call_tools(("search_tools", {"query": "forecast rain"})),
            call_tools(("call_tool", {"tool_name": "get_weather", "params": '{"city": "Oslo", "days": 2}'})),
            call_tools(("call_tool", {"tool_name": "nothing", "params": "{}"})),
            "Sunny.",
        )
        output = await ask_on_page(ada, tool_ids=["weather"])
        assert "get_weather" not in model.tool_names and "add" in model.tool_names
        assert {"search_tools", "call_tool"} < set(model.tool_names)
        system = model.requests[0]["messages"][0]["content"]
        assert "<name>get_weather</name>" in system and "<name>add</name>" not in system
        results = [item["output"][0]["text"] for item in output if item["type"] == "function_call_output"]
        assert json.loads(results[0])["tools"][0]["name"] == "get_weather"
        assert results[1:] == [
            "Sun in Oslo for 2 days",
            'Error: Tool "nothing" is not available. Search for an available tool.',
        ]
        calls = [item for item in output if item["type"] == "function_call"]
        assert calls[1]["name"] == "get_weather"
        replayed = [message for message in model.requests[3]["messages"] if message.get("tool_calls")]
        assert [message["tool_calls"][0]["function"]["name"] for message in replayed] == [
            "search_tools",
            "call_tool",
            "call_tool",
        ]


class TestBuiltinToolsBehindSearch:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return {**model.env, "FASTBACK_DEFER_BUILTIN_TOOLS": "true"}

    async def test_only_built_in_tools_are_looked_up(self, ada: Person, model: QueuedModel) -> None:
        await install_tool(ada, "weather", WEATHER)
        await ask_on_page(ada, tool_ids=["weather"])
        assert "get_weather" in model.tool_names and "ask_user" not in model.tool_names
        assert "<name>ask_user</name>" in model.requests[0]["messages"][0]["content"]
