"""Cancel tasks that use redis-py, which now and then loses a cancellation when it comes together with a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def cancel_and_wait(tasks: Iterable[asyncio.Task[Any]], *, patience: float) -> None:
    """Cancel tasks, and wait until they have ended; cancel them again after each `patience` seconds."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=patience)
