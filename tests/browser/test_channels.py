"""Channels in the real frontend: two users talk with each other and with a model, react, and reply in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from app_server import AppServer, run_app_server
from browser.conftest import Tab
from channel_client import CHANNELS, create_channel
from conftest import Person, Server

pytestmark = pytest.mark.browser


@pytest.fixture
async def clock() -> AsyncIterator[AppServer]:
    """Run an app."""
    async with run_app_server() as app:
        yield app


@pytest.fixture
def variables(clock: AppServer) -> dict[str, str]:
    return {"ENABLE_APPS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin}


async def sign_in(tab: Tab, person: Person) -> Tab:
    """Sign a user in in a tab, with the release notes already read."""
    (await person.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.12.4"}})).ok()
    await tab.page.add_init_script(f"localStorage.token = '{person.token}'")
    return tab


@pytest.fixture
async def other_tab(browser: Browser) -> AsyncIterator[Tab]:
    """Open an empty tab in a browser context of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = await context.new_page()
    page.set_default_timeout(15_000)
    yield Tab(page)
    await context.close()


async def write(page: Page, text: str, *, within: Locator | None = None) -> None:
    """Write a message into the last, or the only, input of a channel."""
    await (within or page.locator("#chat-input")).last.click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


def find_message(page: Page, text: str) -> Locator:
    return page.locator("div.swipe-reply-wrapper").filter(has_text=text)


async def test_two_users_talk_with_a_model(site: Server, tab: Tab, other_tab: Tab, admin: Person) -> None:
    bob = await site.add_user(admin, "Bob")
    channel = await create_channel(admin, "general")
    ada_page, bob_page = tab.page, (await sign_in(other_tab, bob)).page
    for page in (ada_page, bob_page):
        await page.goto(f"{site.url}/channels/{channel['id']}")
        await page.locator("#chat-input").wait_for()

    # What one types, the other one sees; then the message.
    await ada_page.locator("#chat-input").click()
    await ada_page.keyboard.type("Hello Bob")
    await expect(bob_page.get_by_text("is typing")).to_be_visible()
    await ada_page.keyboard.press("Enter")
    await expect(find_message(bob_page, "Hello Bob")).to_be_visible()
    await write(bob_page, "Hello Ada")
    await expect(find_message(ada_page, "Hello Ada")).to_be_visible()

    # A reaction.
    message = find_message(bob_page, "Hello Bob")
    await message.hover()
    await message.locator("button").first.click()
    await bob_page.get_by_placeholder("Search all emojis").fill("tada")
    await bob_page.locator("img[alt='1F389']").first.click()
    reaction = find_message(ada_page, "Hello Bob").get_by_role("button").filter(has_text="1")
    await expect(reaction.last).to_be_visible()
    await reaction.last.click()
    await expect(find_message(bob_page, "Hello Bob").get_by_role("button").filter(has_text="2").last).to_be_visible()

    # A thread.
    message = find_message(bob_page, "Hello Bob")
    await message.hover()
    await message.get_by_label("Reply in Thread").click()
    await expect(bob_page.get_by_text("Thread", exact=True)).to_be_visible()
    await write(bob_page, "In a thread")
    await expect(bob_page.get_by_text("In a thread")).to_be_visible()
    await expect(ada_page.get_by_text("1 Replies")).to_be_visible()
    await ada_page.get_by_text("1 Replies").click()
    await expect(ada_page.get_by_text("In a thread")).to_be_visible()
    for page in (ada_page, bob_page):
        await page.get_by_label("Close", exact=True).last.click()

    # A model, whose answer both see grow in its thread.
    await ada_page.locator("#chat-input").click()
    await ada_page.keyboard.type("@demo-small")
    await ada_page.locator("#suggestions-container button").filter(has_text="demo-small").first.click()
    await ada_page.keyboard.type(" count [[tokens 30]]")
    await ada_page.keyboard.press("Enter")
    question = find_message(bob_page, "count [[tokens 30]]")
    await expect(question).to_be_visible()
    await expect(question.get_by_text("1 Replies")).to_be_visible()
    await question.get_by_text("1 Replies").click()
    await expect(bob_page.get_by_text("word29")).to_be_visible()
    await bob_page.reload()
    await expect(find_message(bob_page, "Hello Ada")).to_be_visible()
    await expect(find_message(bob_page, "Hello Bob").get_by_text("1 Replies")).to_be_visible()
    assert tab.errors == [] and other_tab.errors == []


async def test_an_app_is_mentioned_and_its_button_pressed(
    site: Server, tab: Tab, admin: Person, clock: AppServer
) -> None:
    app = (await admin.post("/api/v1/apps", clock.build_form())).ok()
    (await admin.post(f"/api/v1/apps/{app['id']}/connect", {})).ok()
    page = tab.page
    await page.goto(f"{site.url}/admin/settings/apps")
    await expect(page.get_by_label("Configure Clock")).to_be_visible()
    await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    channel = await create_channel(admin, "general")
    (await admin.post(f"{CHANNELS}/{channel['id']}/apps", {"app_id": app["id"]})).ok()
    await page.goto(f"{site.url}/channels/{channel['id']}")
    await page.locator("#chat-input").click()
    await page.keyboard.type("@Clo")
    await page.locator("#suggestions-container button").filter(has_text="Clock").first.click()
    await page.keyboard.type(" what time is it?")
    await page.keyboard.press("Enter")
    mention = await clock.wait_for_event("channel.mention")
    actions = [{"action_id": "stop", "label": "Stop the clock"}]
    embeds = [{"title": "Time in London", "fields": [{"name": "Hour", "value": "Noon"}]}]
    await clock.ask(
        "create_message",
        channel_id=channel["id"],
        content="It is noon.",
        reply_to_id=mention["data"]["message_id"],
        actions=actions,
        embeds=embeds,
    )
    await expect(page.get_by_text("It is noon.")).to_be_visible()
    await expect(page.get_by_text("Time in London").first).to_be_visible()
    replies = [{"type": "message", "content": "Only you see this"}, {"type": "update", "content": "Stopped."}]
    clock.reply = lambda event: {"status": 200, "data": replies.pop(0) if event["type"] == "channel.action" else None}
    await page.get_by_role("button", name="Stop the clock").click()
    await expect(page.get_by_text("Only you see this")).to_be_visible()
    await page.get_by_role("button", name="Stop the clock").first.click()
    await expect(page.get_by_text("Stopped.").first).to_be_visible()
    # An app that fails says so in the channel.
    clock.reply = lambda event: {"status": 500, "error": "The clock is broken"}
    await page.locator("#chat-input").click()
    await page.keyboard.type("@Clo")
    await page.locator("#suggestions-container button").filter(has_text="Clock").first.click()
    await page.keyboard.type(" again")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The clock is broken")).to_be_visible()
    assert tab.errors == []
