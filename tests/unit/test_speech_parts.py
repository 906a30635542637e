"""Parts of speech: what its worker processes get, and the end of a conversion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from fastback.media.images.gemini import _list_parts
from fastback.media.speech.local_voice import LocalVoice
from fastback.media.speech.model_fetching import build_fetch_environment
from fastback.media.speech.sound_tools import SoundTools


def test_models_are_fetched_through_the_proxy_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("HF_HOME", "/models")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    environment = build_fetch_environment(offline=True)
    assert environment["https_proxy"] == "http://proxy.test:3128" and environment["HF_HOME"] == "/models"
    assert environment["HF_HUB_OFFLINE"] == "1" and "OPENAI_API_KEY" not in environment
    assert LocalVoice(offline=False).workers._environment["https_proxy"] == "http://proxy.test:3128"


@pytest.mark.skipif(not SoundTools().is_available, reason="ffmpeg is not installed")
async def test_a_conversion_that_nobody_reads_ends_its_source_first() -> None:
    ends: list[str] = []

    async def arrive() -> AsyncGenerator[bytes]:
        try:
            yield bytes(2_000_000)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ends.append("source")

    sound = SoundTools().stream_mp3(arrive(), ("-f", "s16le", "-ar", "24000", "-ac", "1"))
    await anext(sound)
    await sound.aclose()
    assert ends == ["source"]


def test_odd_responses_of_gemini_have_no_parts() -> None:
    for candidates in (None, 5, "text", {}, [None], [{"content": 5}], [{"content": {"parts": 5}}]):
        assert _list_parts({"candidates": candidates}) == []
