"""Tool servers that users sign in to, in the unmodified page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from browser.conftest import Tab
from browser.test_page import ask_question, wait_for_answer
from browser.test_plugins import open_chat
from conftest import Person, Server
from oauth_servers import OAuthMcpServer, is_authenticated
from queued_model import QueuedModel, call_tools, run_queued_model

pytestmark = pytest.mark.browser


@pytest.fixture
async def model() -> AsyncIterator[QueuedModel]:
    async with run_queued_model() as running:
        yield running


@pytest.fixture
def variables(model: QueuedModel) -> dict[str, str]:
    generations = ("TITLE", "TAGS", "FOLLOW_UP")
    return {**model.env, **{f"ENABLE_{name}_GENERATION": "false" for name in generations}}


@pytest.fixture
async def birds() -> AsyncIterator[OAuthMcpServer]:
    server = OAuthMcpServer()
    async with server.run():
        yield server


async def test_a_server_is_connected_and_a_user_signs_in_to_it(
    site: Server, admin: Person, tab: Tab, model: QueuedModel, birds: OAuthMcpServer
) -> None:
    page = tab.page
    await page.goto(f"{site.url}/admin/settings/integrations")
    await tab.wait_until_settled()
    await page.get_by_label("Add Connection").first.click()
    await page.get_by_role("button", name="OpenAPI").click()
    await page.get_by_placeholder("Enter name").fill("Birds")
    await page.locator("#enter-id").fill("birds")
    await page.locator("#api-base-url").fill(birds.url)
    await page.locator("#select-bearer-or-session").select_option("oauth_2.1")
    await page.get_by_label("Check OAuth Discovery").click()
    await expect(page.get_by_text("OAuth discovery successful")).to_be_visible()
    await page.get_by_role("button", name="Register Client").click()
    await expect(page.get_by_text("Registration successful")).to_be_visible()
    await page.get_by_role("button", name="Save", exact=True).last.click()
    await tab.wait_until_settled()
    assert len(birds.provider.clients) == 1
    birds.provider.subject = "ada@birds"
    await open_chat(page, site)
    await page.locator("#integration-menu-button").click()
    await page.get_by_text("Tools").first.click()
    async with page.expect_navigation(url=f"{site.url}/"):  # to the authorization server, and back at once
        await page.get_by_text("Birds", exact=True).click(force=True)  # below an element that hears of the click
    assert birds.provider.requests[-1].state and await is_authenticated(admin, "birds")
    await page.locator("#chat-input").wait_for()
    await tab.wait_until_settled()
    model.queue(call_tools(("birds_who", {})), "You are Ada.")
    await ask_question(page, "Who am I?")
    await wait_for_answer(page)
    await expect(page.get_by_text("You are Ada.")).to_be_visible()
    assert model.requests[-1]["messages"][-1]["content"] == "ada@birds"
    assert not tab.errors, "\n".join(tab.errors)
