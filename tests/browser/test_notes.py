"""A note in the real frontend: written, saved, found by a second page that writes in it, too."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from browser.conftest import Tab
from conftest import Person, Server

pytestmark = pytest.mark.browser


async def test_two_pages_write_in_one_note(site: Server, tab: Tab, admin: Person, browser: Browser) -> None:
    form = {"title": "Birds", "data": {"content": {"json": None, "html": "<p>Herons</p>", "md": "Herons"}}}
    note = (await admin.post("/api/v1/notes/create", form)).ok()["id"]
    page = tab.page
    await page.goto(f"{site.url}/notes/{note}")
    editor = page.locator(".ProseMirror").first
    await expect(editor).to_contain_text("Herons")
    await editor.click()
    await page.keyboard.press("End")
    await page.keyboard.type(" fish")
    await expect(editor).to_contain_text("Herons fish")

    second = await page.context.new_page()
    await second.goto(f"{site.url}/notes/{note}")
    other = second.locator(".ProseMirror").first
    await expect(other).to_contain_text("Herons fish")
    await other.click()
    await second.keyboard.press("End")
    await second.keyboard.type(" in water.")
    await expect(editor).to_contain_text("Herons fish in water.")
    await second.close()

    await page.wait_for_timeout(800)
    kept = (await admin.get(f"/api/v1/notes/{note}")).ok()
    assert kept["data"]["content"]["md"] == "Herons fish in water."
    await page.reload()
    await expect(editor).to_contain_text("Herons fish in water.")
    assert tab.errors == []
