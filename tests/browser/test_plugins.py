"""Plugins in the unmodified page: written in its editor, set up, and used in chats."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Tab
from browser.test_page import ask_question, wait_for_answer
from conftest import Person, Server
from plugin_installation import install_function
from queued_model import MODEL_ID, QueuedModel, call_tools, run_queued_model

TOOL = """from pydantic import BaseModel, Field


class Tools:
    class Valves(BaseModel):
        offset: int = Field(default=0, description="Added to each sum")

    def __init__(self):
        self.valves = self.Valves()

    def add_numbers(self, a: int, b: int) -> int:
        \"\"\"
        Add two numbers.
        :param a: the first
        :param b: the second
        \"\"\"
        return a + b + self.valves.offset
"""
FILTER = """
class Filter:
    def __init__(self):
        self.toggle = True
        self.icon = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="

    def inlet(self, body):
        body["messages"][-1]["content"] += " (please)"
        return body
"""
PIPE = """
class Pipe:
    async def pipe(self, body, __event_emitter__):
        await __event_emitter__({"type": "status", "data": {"description": "Piping up", "done": True}})
        for word in ("I ", "am ", "a ", "pipe"):
            yield word
"""
ACTION = """
class Action:
    async def action(self, body, __event_call__, __event_emitter__):
        agreed = await __event_call__({"type": "confirmation", "data": {"title": "Sure?", "message": "Really?"}})
        event = {"type": "notification", "data": {"type": "success", "content": f"Agreed: {agreed}"}}
        await __event_emitter__(event)
"""


@pytest.fixture
async def model() -> AsyncIterator[QueuedModel]:
    async with run_queued_model() as running:
        yield running


@pytest.fixture
def variables(model: QueuedModel) -> dict[str, str]:
    off = {
        "ENABLE_TITLE_GENERATION": "false",
        "ENABLE_TAGS_GENERATION": "false",
        "ENABLE_FOLLOW_UP_GENERATION": "false",
    }
    return {**model.env, **off}


async def open_chat(page: Page, site: Server, model_id: str = MODEL_ID) -> None:
    await page.goto(f"{site.url}/?model={model_id}")
    await page.locator("#chat-input").wait_for()


async def write_code(page: Page, code: str) -> None:
    """Replace the code in the page's editor."""
    await page.locator(".cm-content").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(code)


async def test_a_tool_is_written_set_up_and_used(site: Server, admin: Person, tab: Tab, model: QueuedModel) -> None:
    page = tab.page
    await page.goto(f"{site.url}/workspace/tools/create")
    await page.get_by_placeholder("Tool Name").fill("Adder")
    await page.get_by_placeholder("Tool Description").fill("Adds numbers")
    await write_code(page, TOOL)
    await page.get_by_role("button", name="Save & Create").click()
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url("**/workspace/tools")
    await page.get_by_label("Valves").first.click()
    await page.locator(".modal").get_by_text("Default", exact=True).first.click()
    await page.locator(".modal input").first.fill("100")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Valves updated").first).to_be_visible()

    await open_chat(page, site)
    await page.locator("#integration-menu-button").click()
    await page.get_by_text("Tools").first.click()
    await page.get_by_text("Adder", exact=True).click()
    await page.keyboard.press("Escape")
    model.queue(call_tools(("add_numbers", {"a": 2, "b": 3}), content="Let me add. "), "It is 105.")
    await ask_question(page, "What is 2 and 3?")
    await wait_for_answer(page)
    await expect(page.get_by_text("It is 105.")).to_be_visible()
    await page.get_by_text("add_numbers").locator("visible=true").first.click()
    await expect(page.get_by_text("105", exact=True).first).to_be_visible()
    assert model.requests[1]["messages"][-1]["content"] == "105"
    await page.reload()
    await expect(page.get_by_text("It is 105.")).to_be_visible()
    assert not tab.errors, "\n".join(tab.errors)


async def test_a_filter_is_switched_on_for_a_question(
    site: Server, admin: Person, tab: Tab, model: QueuedModel
) -> None:
    await install_function(admin, "polite", FILTER, is_global=True)
    page = tab.page
    await open_chat(page, site)
    await ask_question(page, "Hello")
    await wait_for_answer(page)
    assert model.requests[-1]["messages"][-1]["content"] == "Hello"
    await page.locator("#integration-menu-button").click()
    await page.get_by_text("Polite", exact=True).click()
    await page.keyboard.press("Escape")
    await ask_question(page, "Again")
    await expect(page.get_by_label("Regenerate", exact=True)).to_have_count(2)
    assert model.requests[-1]["messages"][-1]["content"] == "Again (please)"
    assert not tab.errors, "\n".join(tab.errors)


async def test_a_function_is_written_and_answers_as_a_model(site: Server, admin: Person, tab: Tab) -> None:
    page = tab.page
    await page.goto(f"{site.url}/admin/functions/create")
    await page.get_by_placeholder("Function Name").fill("Piper")
    await page.get_by_placeholder("Function Description").fill("Pipes up")
    await write_code(page, PIPE)
    await page.get_by_role("button", name="Save & Create").click()
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url("**/admin/functions")
    await page.get_by_role("switch").first.click()
    await tab.wait_until_settled()
    await open_chat(page, site, "piper")
    await ask_question(page, "Hello")
    await wait_for_answer(page)
    await expect(page.get_by_text("I am a pipe")).to_be_visible()
    await expect(page.get_by_text("Piping up").first).to_be_visible()
    assert not tab.errors, "\n".join(tab.errors)


async def test_an_action_asks_and_notifies(site: Server, admin: Person, tab: Tab) -> None:
    await install_function(admin, "doer", ACTION, is_global=True)
    page = tab.page
    await open_chat(page, site)
    await ask_question(page, "Hello")
    await wait_for_answer(page)
    await page.get_by_label("Doer", exact=True).click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Agreed: True").first).to_be_visible()
    assert not tab.errors, "\n".join(tab.errors)
