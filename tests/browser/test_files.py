"""A text and a picture come with a question, in the real frontend: the chat shows both, and the model gets them."""

from __future__ import annotations

import struct
import zlib

import pytest
from playwright.async_api import expect

from browser.conftest import Tab
from browser.test_page import ask_question, wait_for_answer
from conftest import Person, Server
from knowledge_samples import embedding_settings

pytestmark = pytest.mark.browser


@pytest.fixture
def variables(calm_upstream: str) -> dict[str, str]:
    return embedding_settings(calm_upstream)


def picture() -> bytes:
    """A red PNG of eight by eight dots."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_a_text_and_a_picture_are_attached(site: Server, tab: Tab, admin: Person, calm_upstream: str) -> None:
    page = tab.page
    await page.goto(site.url)
    await page.locator("#chat-input").wait_for()
    await (
        page.locator("#upload-files-input")
        .or_(page.locator("input[type=file][multiple]"))
        .first.set_input_files(
            [
                {"name": "herons.txt", "mimeType": "text/plain", "buffer": b"Herons stand on one leg in the shallows."},
                {"name": "red.png", "mimeType": "image/png", "buffer": picture()},
            ]
        )
    )
    await expect(page.get_by_text("herons.txt").first).to_be_visible()
    await tab.wait_until_settled()
    await ask_question(page, "What do herons do? [[tokens 5]]")
    await expect(page.get_by_text("word4")).to_be_visible()
    await wait_for_answer(page)
    await page.reload()
    await expect(page.get_by_text("herons.txt").first).to_be_visible()
    shown = page.locator("img[src*='/api/v1/files/']").first
    await expect(shown).to_be_visible()
    assert await shown.evaluate("image => image.naturalWidth") == 8

    stranger = Person(calm_upstream)
    asked = [
        one["body"]["messages"]
        for one in (await stranger.get("/_requests")).ok()
        if "messages" in (one["body"] or {}) and "[[tokens 5]]" in str(one["body"]["messages"])
    ]
    await stranger.close()
    (content,) = [one[-1]["content"] for one in asked if isinstance(one[-1]["content"], list)]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "Herons stand on one leg" in str(asked)
    assert tab.errors == []
