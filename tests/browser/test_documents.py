"""Documents in the real frontend: attached, used for an answer, cited."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.conftest import Tab
from browser.test_page import ask_question, wait_for_answer
from conftest import Person, Server

pytestmark = pytest.mark.browser


@pytest.fixture
def variables(calm_upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{calm_upstream}/v1",
        "RAG_OPENAI_API_KEY": "key",
    }


async def test_a_text_is_attached_used_and_cited(site: Server, tab: Tab, admin: Person, tmp_path: Path) -> None:
    page = tab.page
    document = tmp_path / "tea.txt"
    document.write_text("Green tea is steeped at seventy degrees for two minutes.")
    await page.goto(site.url)
    await page.locator("#chat-input").wait_for()
    await page.locator("input[type=file]").first.set_input_files(document)
    await expect(page.get_by_text("tea.txt").first).to_be_visible()
    await tab.wait_until_settled()
    await ask_question(page, "How hot is green tea? [[tokens 12]]")
    await expect(page.get_by_text("Retrieved 1 source")).to_be_visible()
    await wait_for_answer(page)
    await expect(page.get_by_text("word11")).to_be_visible()
    # The citation opens, and shows the passage.
    await page.get_by_role("button", name="Toggle 1 source").click()
    await page.get_by_role("button").filter(has_text="tea.txt").last.click()
    await expect(page.get_by_text("Green tea is steeped at seventy degrees")).to_be_visible()
    # The citation is stored with the answer.
    await page.reload()
    await wait_for_answer(page)
    await expect(page.get_by_role("button", name="Toggle 1 source")).to_be_visible()
    assert tab.errors == []
