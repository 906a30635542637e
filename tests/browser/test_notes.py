"""A note in the real frontend: written, saved, and edited by a second page at the same time."""

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

    second_page = await page.context.new_page()
    await second_page.goto(f"{site.url}/notes/{note}")
    second_editor = second_page.locator(".ProseMirror").first
    await expect(second_editor).to_contain_text("Herons fish")
    await second_editor.click()
    await second_page.keyboard.press("End")
    await second_page.keyboard.type(" in water.")
    await expect(editor).to_contain_text("Herons fish in water.")
    await second_page.close()

    await page.wait_for_timeout(800)
    stored = (await admin.get(f"/api/v1/notes/{note}")).ok()
    assert stored["data"]["content"]["md"] == "Herons fish in water."
    await page.reload()
    await expect(editor).to_contain_text("Herons fish in water.")
    assert tab.errors == []
