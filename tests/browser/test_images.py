"""Images in the unmodified page: the switch of the chat makes one, and the next question edits it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Tab
from browser.test_page import ask_question, wait_for_answer
from browser.test_plugins import open_chat
from builtin_calls import set_model
from conftest import Person, Server
from image_engines import OpenAIEngine, make_png, run_engine
from image_settings import connect_engine
from queued_model import QueuedModel, call_tools, run_queued_model

pytestmark = pytest.mark.browser


@pytest.fixture
async def model() -> AsyncIterator[QueuedModel]:
    async with run_queued_model() as running:
        yield running


@pytest.fixture
def variables(model: QueuedModel) -> dict[str, str]:
    generations = ("TITLE", "TAGS", "FOLLOW_UP", "IMAGE_PROMPT")
    return {**model.env, **{f"ENABLE_{name}_GENERATION": "false" for name in generations}}


@pytest.fixture
async def engine(admin: Person) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine()
    async with run_engine(engine):
        await connect_engine(admin, engine)
        yield engine


async def switch_images_on(page: Page) -> None:
    await page.locator("#integration-menu-button").click()
    await page.get_by_text("Image", exact=True).first.click()
    await page.keyboard.press("Escape")


async def expect_widths(page: Page, *widths: int) -> None:
    """Expect the chat to show images of these widths."""
    images = page.locator("#messages-container img[src*='/api/v1/files/']")
    await expect(images).to_have_count(len(widths))
    for number, width in enumerate(widths):
        await expect(images.nth(number)).to_be_visible()
        assert await images.nth(number).evaluate("image => image.naturalWidth") == width


async def test_an_image_is_generated_and_edited(
    site: Server, admin: Person, tab: Tab, model: QueuedModel, engine: OpenAIEngine
) -> None:
    page = tab.page
    await set_model(admin, params={"function_calling": "legacy"})
    await open_chat(page, site)
    await switch_images_on(page)
    model.queue("Here is your fox.", "Here is the blue one.")
    await ask_question(page, "Draw a fox")
    await expect(page.get_by_text("Here is your fox.")).to_be_visible()
    await wait_for_answer(page)
    assert engine.body["prompt"] == "Draw a fox"
    await expect_widths(page, 4)
    engine.png = make_png(side=6)
    await ask_question(page, "Make it blue")
    await expect(page.get_by_text("Here is the blue one.")).to_be_visible()
    await wait_for_answer(page)
    assert engine.list_paths()[-1] == "POST /v1/images/edits"
    await expect_widths(page, 4, 6)
    await page.reload()
    await expect(page.get_by_text("Here is the blue one.")).to_be_visible()
    await expect_widths(page, 4, 6)
    assert not tab.errors, "\n".join(tab.errors)


async def test_a_model_calls_the_tool_and_the_playground_makes_an_image(
    site: Server, admin: Person, tab: Tab, model: QueuedModel, engine: OpenAIEngine
) -> None:
    page = tab.page
    await open_chat(page, site)
    await switch_images_on(page)
    model.queue(call_tools(("generate_image", {"prompt": "A red fox"})), "Here is your fox.")
    await ask_question(page, "Draw a fox")
    await expect(page.get_by_text("Here is your fox.")).to_be_visible()
    await wait_for_answer(page)
    await expect_widths(page, 4)
    await page.goto(f"{site.url}/playground/images")
    await page.locator("textarea").last.fill("A heron")
    await page.get_by_role("button", name="Run").click()
    await expect(page.locator("img[src*='/api/v1/files/']").first).to_be_visible()
    assert engine.body["prompt"] == "A heron"
    assert not tab.errors, "\n".join(tab.errors)
