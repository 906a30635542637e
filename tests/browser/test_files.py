"""A text and an image attached to a question in the real frontend: the chat shows both, and the model receives both."""

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


def make_picture() -> bytes:
    """Return a red PNG of eight by eight pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_a_text_and_an_image_are_attached(site: Server, tab: Tab, admin: Person, calm_upstream: str) -> None:
    page = tab.page
    await page.goto(site.url)
    await page.locator("#chat-input").wait_for()
    await (
        page.locator("#upload-files-input")
        .or_(page.locator("input[type=file][multiple]"))
        .first.set_input_files(
            [
                {"name": "herons.txt", "mimeType": "text/plain", "buffer": b"Herons stand on one leg in the shallows."},
                {"name": "red.png", "mimeType": "image/png", "buffer": make_picture()},
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
    image = page.locator("img[src*='/api/v1/files/']").first
    await expect(image).to_be_visible()
    assert await image.evaluate("image => image.naturalWidth") == 8

    stranger = Person(calm_upstream)
    conversations = [
        request["body"]["messages"]
        for request in (await stranger.get("/_requests")).ok()
        if "messages" in (request["body"] or {}) and "[[tokens 5]]" in str(request["body"]["messages"])
    ]
    await stranger.close()
    (content,) = [messages[-1]["content"] for messages in conversations if isinstance(messages[-1]["content"], list)]
    (picture,) = [part for part in content if part["type"] == "image_url"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert "Herons stand on one leg" in str(conversations)
    assert tab.errors == []
