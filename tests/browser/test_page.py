"""Sign-up, chats, folders, sharing and sign-in, in the real frontend."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PageTimeout

from browser.conftest import Tab
from conftest import Server

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


async def sign_up(page: Page, url: str) -> None:
    """Create the first account on the page that greets new users."""
    await page.goto(url)
    email = page.locator("input[type=email]")
    start = page.get_by_text("Get started")
    await email.or_(start).first.wait_for()
    if await start.count():
        await start.first.click()
    await email.wait_for()
    await page.locator("#name").or_(page.locator("input[autocomplete=name]")).first.fill("Ada Lovelace")
    await email.fill("ada@example.com")
    await page.locator("input[type=password]").first.fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#chat-input").wait_for()
    # The release notes open once for a new administrator, at a moment of their own, and cover the page.
    await page.get_by_text("Okay, Let's Go!").click()


async def sign_in(page: Page) -> None:
    await page.locator("input[type=email]").fill("ada@example.com")
    await page.locator("input[type=password]").first.fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("#chat-input").wait_for()


async def ask_question(page: Page, text: str) -> None:
    await page.locator("#chat-input").click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def wait_for_answer(page: Page) -> None:
    """Wait until the answer is complete and can be regenerated."""
    await page.get_by_label("Regenerate", exact=True).last.wait_for()


async def open_sidebar(page: Page) -> None:
    button = page.get_by_label("Open Sidebar").first
    if await button.is_visible():
        await button.click()
    await page.get_by_label("Close Sidebar").first.wait_for()


async def test_a_chat_is_regenerated_and_reloaded(site: Server, tab: Tab) -> None:
    page = tab.page
    await sign_up(page, site.url)
    await ask_question(page, "Tell me something [[tokens 40]]")
    await expect(page.get_by_text("word39")).to_be_visible()
    await wait_for_answer(page)
    await expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
    await expect(page).to_have_title(re.compile("A Conversation"))
    await expect(page.get_by_text("What comes next?").first).to_be_visible()

    await page.get_by_label("Regenerate", exact=True).last.click()
    try_again = page.get_by_text("Try Again", exact=True)
    try:
        await try_again.click(timeout=2_000)
    except PageTimeout:
        pass
    await expect(page.get_by_text("2/2")).to_be_visible()
    await wait_for_answer(page)

    await page.reload()
    await expect(page.get_by_text("word39")).to_be_visible()
    await expect(page.get_by_text("2/2")).to_be_visible()
    assert tab.errors == []


async def test_an_answer_is_stopped(site: Server, tab: Tab) -> None:
    page = tab.page
    await sign_up(page, site.url)
    # The silence leaves the page time for the click, also on a machine that is busy.
    await ask_question(page, "Go on for ever [[tokens 3000]] [[silent 60]]")
    await expect(page.get_by_text("word0", exact=False).first).to_be_visible()
    await page.get_by_label("Stop").first.click()
    await wait_for_answer(page)
    await page.reload()
    await wait_for_answer(page)
    await expect(page.get_by_text("word0", exact=False).first).to_be_visible()
    await expect(page.get_by_text("word2999")).to_have_count(0)
    assert tab.errors == []


async def test_a_chat_is_renamed_found_and_shared(site: Server, tab: Tab) -> None:
    page = tab.page
    await sign_up(page, site.url)
    await ask_question(page, "A question about herons [[tokens 5]]")
    await wait_for_answer(page)
    await open_sidebar(page)

    await page.get_by_label("Chat Menu").first.click()
    await page.get_by_role("menuitem", name="Rename").click()
    title = page.locator("input[id^=chat-title-input]")
    await title.fill("Birds of the river")
    await title.press("Enter")
    await expect(page.get_by_text("Birds of the river").first).to_be_visible()

    await page.locator("#sidebar-search-button").click()
    await page.get_by_placeholder(re.compile("Search", re.IGNORECASE)).last.fill("herons")
    await expect(page.get_by_role("dialog").get_by_text("Birds of the river").first).to_be_visible()
    await page.keyboard.press("Escape")

    await page.get_by_label("New Folder").first.click()
    name = page.get_by_placeholder(re.compile("folder name", re.IGNORECASE))
    await name.fill("Nature")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nature").first).to_be_visible()

    await page.get_by_label("Chat Menu").first.click()
    await page.get_by_role("menuitem", name="Share").click()
    await page.get_by_role("button", name=re.compile("Copy Link|Share", re.IGNORECASE)).last.click()
    await page.keyboard.press("Escape")
    assert tab.errors == []


async def test_a_user_signs_out_and_in_again(site: Server, tab: Tab) -> None:
    page = tab.page
    await sign_up(page, site.url)
    await ask_question(page, "Remember me [[tokens 3]]")
    await wait_for_answer(page)
    await page.get_by_label("User menu").first.click()
    await page.get_by_role("menuitem", name="Sign Out").click()
    await page.locator("input[type=email]").wait_for()
    await sign_in(page)
    await open_sidebar(page)
    await expect(page.get_by_text("A Conversation").first).to_be_visible()
    assert tab.errors == []
