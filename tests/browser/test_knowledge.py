"""Knowledge in the real frontend: created, filled with a file, viewed, referred to in a chat, deleted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.conftest import Tab
from conftest import Person, Server
from knowledge_samples import embedding_settings

pytestmark = pytest.mark.browser


@pytest.fixture
def variables(calm_upstream: str) -> dict[str, str]:
    return embedding_settings(calm_upstream)


async def test_knowledge_with_a_file_from_creation_to_deletion(
    site: Server, tab: Tab, admin: Person, tmp_path: Path
) -> None:
    page = tab.page
    text = "Herons stand in water and wait for fish."
    file = tmp_path / "heron.txt"
    file.write_text(text)

    await page.goto(f"{site.url}/workspace/knowledge/create")
    await page.get_by_placeholder("Name your knowledge base").fill("Birds")
    await page.get_by_placeholder("Describe your knowledge base and objectives").fill("All about birds")
    await page.get_by_role("button", name="Create Knowledge").click()
    await expect(page).to_have_url(re.compile(r"/workspace/knowledge/[0-9a-f-]{36}$"))

    await page.locator("#files-input").set_input_files(file)
    listed_file = page.get_by_role("button", name=re.compile(r"heron\.txt"))
    await expect(page.get_by_text("File added successfully.")).to_be_visible()
    await listed_file.click()
    await expect(page.get_by_text(text)).to_be_visible()

    # The number sign in the chat input finds the knowledge.
    await page.goto(site.url)
    await page.locator("#chat-input").click()
    await page.keyboard.type("#Bir")
    await page.get_by_role("tooltip").get_by_role("button", name="Birds").click()
    await expect(page.get_by_role("button", name=re.compile("Birds.*collection", re.DOTALL))).to_be_visible()

    await page.goto(f"{site.url}/workspace/knowledge")
    await page.get_by_text("Birds", exact=True).click()
    await listed_file.wait_for()
    await page.get_by_role("button", name="More").last.click()
    await page.get_by_text("Remove from knowledge").click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(listed_file).to_have_count(0)

    await page.goto(f"{site.url}/workspace/knowledge")
    await page.get_by_text("Birds", exact=True).hover()
    await page.get_by_label("More Options").or_(page.get_by_role("button", name="More")).last.click()
    await page.get_by_text("Delete", exact=True).click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Birds", exact=True)).to_have_count(0)
    assert (await admin.get("/api/v1/knowledge/")).ok()["total"] == 0
    assert tab.errors == []
