"""Pictures of megabytes in JSON and base64: at most one copy of all of them in one turn of the event loop."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import subprocess
import sys
import time

import pytest

from fastback.kit.base64_slices import decode_base64, encode_base64
from fastback.kit.fragment_lists import join_fragments
from fastback.kit.json_pieces import decode_in_pieces
from fastback.media.images.pictures import InvalidPicture, decode_picture
from loop_holds import measure_holds

PICTURE = b"\x89PNG\r\n\x1a\n" + os.urandom(12 * 1024 * 1024)
ENCODED = base64.b64encode(PICTURE).decode()
#: Copies of the whole text, in time, that one turn may take; it takes two where each step copies it.
MOST_COPIES = 1.6


def measure_copy() -> float:
    """Return the milliseconds of processor time of one copy of the text."""
    half = len(ENCODED) // 2
    halves = (ENCODED[:half], ENCODED[half:])
    started = time.thread_time()
    "".join(halves)
    return (time.thread_time() - started) * 1000


async def measure_decoding() -> None:
    """Print how many copies of the text one turn of the loop takes, in time, while JSON with it is decoded."""
    content = b'{"data":[{"url":"data:image/png;base64,%b"}]}' % ENCODED.encode()
    durations = []
    for _ in range(5):
        with measure_holds() as holds:
            value = await decode_in_pieces(content)
        durations.append(holds.callback)
        assert value == {"data": [{"url": f"data:image/png;base64,{ENCODED}"}]}
        del value
    print(min(durations) / min(measure_copy() for _ in range(5)))


def test_a_picture_in_json_is_copied_once() -> None:
    # In a process of its own, with the server's options of the allocator: others reuse memory, where copies cost less.
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2 * 1024 * 1024), "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, __file__], env=env, capture_output=True, text=True, check=True)
    assert float(result.stdout) < MOST_COPIES, result.stdout


async def test_base64_is_decoded_from_a_position_on() -> None:
    text = f"data:image/png;base64,{ENCODED[:400_000]}\n{ENCODED[400_000:]}"
    with measure_holds() as holds:
        assert (await decode_picture(text)).content == PICTURE
        assert await decode_base64(ENCODED) == PICTURE
        assert await encode_base64(PICTURE) == ENCODED
    assert holds.callback < 30, holds.slowest


async def test_short_pictures_are_decoded_as_before() -> None:
    picture = await decode_picture(f"data:image/webp;base64,{base64.b64encode(b'RIFF0000WEBP').decode()}")
    assert (picture.content, picture.media_type) == (b"RIFF0000WEBP", "image/webp")
    assert (await decode_picture(base64.b64encode(b"GIF89a").decode())).media_type == "image/gif"
    assert (await decode_picture("data:image/x-new;base64,AAAA")).media_type == "image/x-new"
    for text in ("", "data:image/png;base64,", "data:text/plain;base64,AAAA", "AAAA,A"):
        with pytest.raises(InvalidPicture):
            await decode_picture(text)
    with pytest.raises(binascii.Error):
        await decode_base64("data:,A", 6)


async def test_joined_fragments_are_freed() -> None:
    for size in (10, 100_000):
        fragments = [bytes([number]) * size for number in range(40)]
        expected = b"".join(fragments)
        assert await join_fragments(fragments) == expected
    assert not fragments


if __name__ == "__main__":
    asyncio.run(measure_decoding())
