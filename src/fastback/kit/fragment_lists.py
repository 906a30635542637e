"""Parts of megabytes: joining them, and freeing them, takes milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from fastback.kit.pacing import let_others_run

#: Parts that are freed between two turns of the event loop, and bytes up to which all are joined and freed at once.
_FREED_AT_ONCE, _SMALL = 8, 1024 * 1024
#: Characters of a text that are joined between two turns of the event loop.
_TEXT_PART = 256 * 1024


async def join_fragments(fragments: list[bytes]) -> bytes:
    """Return the fragments as one, and empty their list; megabytes are joined in a thread, and others run meanwhile."""
    if sum(map(len, fragments)) <= _SMALL:
        return b"".join(fragments)
    content = await asyncio.to_thread(b"".join, fragments)
    await free_fragments(fragments)
    return content


async def join_texts(texts: Iterable[str], *, strip: bool = False) -> str:
    """Return texts as one, without blanks around it where `strip` says so; others run meanwhile.

    Joining them at once holds every thread. Here each part is added in place, as nothing else refers to the text.
    """
    joined = blanks = ""
    for part in _cut_texts(texts):
        if strip:
            part = part if joined else part.lstrip()
            content = part.rstrip()
            # Blanks are added once something follows them.
            part, blanks = (blanks + content, part[len(content) :]) if content else ("", blanks + part)
        joined += part
        await let_others_run()
    return joined


def _cut_texts(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts in parts of about the same size: short ones together, and long ones cut."""
    gathered: list[str] = []
    size = 0
    for text in texts:
        for start in range(0, len(text), _TEXT_PART):
            part = text[start : start + _TEXT_PART]
            gathered.append(part)
            size += len(part)
            if size >= _TEXT_PART:
                yield "".join(gathered)
                gathered.clear()
                size = 0
    yield "".join(gathered)


async def free_fragments(fragments: list[Any]) -> None:
    """Empty a list, from its end on: so the allocator returns the memory to the system in parts."""
    while fragments:
        del fragments[-_FREED_AT_ONCE:]
        await let_others_run()
