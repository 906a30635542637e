"""What tool servers return, decoded for models: the beginning of a long text, without holding the event loop."""

from __future__ import annotations

import asyncio

import pytest

from fastback.completions.tools.servers.server_results import decode_content
from fastback.kit.value_texts import cut_text
from loop_holds import measure_holds


@pytest.mark.parametrize("text", ["short", "ä" * 1_000_000, "ä€" * 1_200_000, "words " * 500_000])
@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "application/octet-stream", ""])
async def test_a_text_is_cut_to_what_models_read(text: str, media_type: str) -> None:
    body = text.encode()
    assert await decode_content(body, media_type, None) == text
    assert await decode_content(body, media_type, None, for_model=True) == cut_text(text)


async def test_an_unfinished_character_at_the_end_is_replaced() -> None:
    assert await decode_content("aä".encode()[:-1], "text/plain", "utf-8", for_model=True) == "a\ufffd"
    assert await decode_content(b"", "text/plain", None, for_model=True) == ""


async def test_megabytes_do_not_hold_the_loop() -> None:
    body = b"[" + b"[{}]," * 3_000_000 + b"1]"
    with measure_holds() as holds:
        await asyncio.sleep(0)  # the step that is under way is not measured
        text = await decode_content(body, "application/json", None, for_model=True)
    assert text.endswith("[13000103 more characters were cut off]")
    assert holds.callback < 6, holds.slowest  # 2 are measured; 13 where the whole text is made
