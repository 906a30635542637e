"""Answers read aloud, dictation and voice calls, in the real frontend with Chromium's own microphone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright, expect

from browser.conftest import CHROMIUM, FLAGS, Tab
from browser.test_page import ask_question, wait_for_answer
from conftest import Person, Server
from fastback.demo.sounds import TRANSCRIPT
from recordings import make_wav, needs_voice, speak

pytestmark = [pytest.mark.browser, needs_voice]


@pytest.fixture
def variables(calm_upstream: str) -> dict[str, str]:
    return {
        "AUDIO_TTS_ENGINE": "openai",
        "AUDIO_TTS_OPENAI_API_BASE_URL": f"{calm_upstream}/v1",
        "AUDIO_TTS_OPENAI_API_KEY": "key",
        "AUDIO_STT_ENGINE": "openai",
        "AUDIO_STT_OPENAI_API_BASE_URL": f"{calm_upstream}/v1",
        "AUDIO_STT_OPENAI_API_KEY": "key",
    }


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """Run a Chromium whose microphone plays a spoken sentence, again and again."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    microphone = tmp_path / "microphone.wav"
    sentence = speak("Good morning. What do herons do?")
    # A call ends an utterance after two seconds of silence.
    microphone.write_bytes(make_wav(sentence[44:] + bytes(2 * 22_050 * 5), rate=22_050))
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
    ]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        yield chromium
        await chromium.close()


async def list_requests(upstream: str, path: str) -> list[Any]:
    """Return the requests to the model server below a path."""
    stranger = Person(upstream)
    requests = (await stranger.get("/_requests")).ok()
    await stranger.close()
    return [request for request in requests if request["path"] == path]


async def test_an_answer_is_read_aloud(site: Server, tab: Tab, admin: Person, calm_upstream: str) -> None:
    page = tab.page
    await page.goto(site.url)
    await ask_question(page, "Say something [[tokens 12]]")
    await wait_for_answer(page)
    async with page.expect_response(lambda response: response.url.endswith("/api/v1/audio/speech")) as spoken:
        await page.get_by_label("Read Aloud").last.click()
    response = await spoken.value
    assert response.status == 200 and response.headers["content-type"] == "audio/mpeg"
    assert "word0" in str(response.request.post_data)
    await expect(page.get_by_label("Read Aloud").last).to_be_visible()
    assert tab.errors == []


async def test_a_question_is_dictated(site: Server, tab: Tab, admin: Person, calm_upstream: str) -> None:
    page = tab.page
    await page.goto(site.url)
    await page.locator("#chat-input").wait_for()
    await page.locator("#voice-input-button").click()
    await page.wait_for_timeout(1500)
    await page.locator("#confirm-recording-button").click()
    await expect(page.locator("#chat-input")).to_contain_text(TRANSCRIPT)
    assert len(await list_requests(calm_upstream, "/v1/audio/transcriptions")) == 1
    assert tab.errors == []


async def test_a_voice_call_hears_and_speaks(site: Server, tab: Tab, admin: Person, calm_upstream: str) -> None:
    page = tab.page
    await page.goto(site.url)
    await page.locator("#chat-input").wait_for()
    async with page.expect_response(lambda response: response.url.endswith("/audio/speech"), timeout=40_000) as spoken:
        await page.get_by_label("Voice mode").first.click()
    assert (await spoken.value).status == 200
    assert await list_requests(calm_upstream, "/v1/audio/transcriptions")
    chat = [
        request["body"]
        for request in await list_requests(calm_upstream, "/v1/chat/completions")
        if TRANSCRIPT in str(request["body"]["messages"][-1])
    ]
    assert chat and "voice call" in chat[0]["messages"][0]["content"]
    assert tab.errors == []
