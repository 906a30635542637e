"""Parts of megabytes: joining them, and freeing them, takes milliseconds."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.kit.pacing import let_others_run

#: Parts that are freed between two turns of the event loop, and bytes up to which all are joined and freed at once.
_FREED_AT_ONCE, _SMALL = 8, 1024 * 1024


async def join_fragments(fragments: list[bytes]) -> bytes:
    """Return the fragments as one, and empty their list; megabytes are joined in a thread, and others run meanwhile."""
    if sum(map(len, fragments)) <= _SMALL:
        return b"".join(fragments)
    content = await asyncio.to_thread(b"".join, fragments)
    await free_fragments(fragments)
    return content


async def free_fragments(fragments: list[Any]) -> None:
    """Empty a list, from its end on: so the allocator returns the memory to the system in parts."""
    while fragments:
        del fragments[-_FREED_AT_ONCE:]
        await let_others_run()
