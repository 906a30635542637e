"""Wait for what happens beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def wait_until(check: Callable[[], Awaitable[Any] | Any], seconds: float = 5) -> Any:
    """Return the first true result of `check`; fail where there is none in time, with the last result."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        result = check()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"still {result!r} after {seconds:g} s"
        await asyncio.sleep(0.01)
