"""An automation in the real frontend: created, run, and read in the chat that it has written."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from automation_client import AUTOMATIONS, wait_for_run
from browser.conftest import Tab
from browser.test_every_page import list_error_toasts
from conftest import Person, Server

pytestmark = pytest.mark.browser


async def test_an_automation_is_created_and_writes_into_a_chat(site: Server, tab: Tab, admin: Person) -> None:
    page = tab.page
    await page.goto(f"{site.url}/automations")
    await page.get_by_role("button", name="Create", exact=True).first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_placeholder("Automation title").fill("Morning brief")
    await dialog.get_by_placeholder("Enter prompt here.").fill("Say good morning [[tokens 3]]")
    await dialog.get_by_text("Select model").click()
    await page.get_by_role("button", name="demo-small").last.click()
    await dialog.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_text("Automation created").wait_for()
    await page.wait_for_url("**/automations/*-*")
    (automation,) = (await admin.get(f"{AUTOMATIONS}/list")).ok()["items"]
    assert (automation["name"], automation["data"]["model_id"]) == ("Morning brief", "demo-small")
    assert automation["next_run_at"] is not None
    await expect(page.get_by_text("No runs yet")).to_be_visible()

    await page.get_by_role("button", name="Run now").click()
    await page.get_by_text("Automation triggered").wait_for()
    run = await wait_for_run(admin, automation)
    assert run["status"] == "success"
    await page.get_by_role("button", name="View chat").click()  # the page has asked for the runs again by itself
    await page.wait_for_url(f"**/c/{run['chat_id']}")
    await expect(page.get_by_text("word0 word1 word2")).to_be_visible()
    await expect(page.get_by_text("Say good morning").first).to_be_visible()
    assert await list_error_toasts(tab) == []
    assert tab.errors == []
