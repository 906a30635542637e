"""Waiting for something only as long as the client waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def run_while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, awaited no longer than the client waits. The request's body has been read before.

    Raises:
        ClientDisconnect: the client has gone; the work was cancelled.
    """
    work_task = asyncio.ensure_future(work)
    disconnect_task = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait([work_task, disconnect_task], return_when=asyncio.FIRST_COMPLETED)
        if not work_task.done():
            raise ClientDisconnect
        return work_task.result()
    finally:
        disconnect_task.cancel()
        if not work_task.done():
            work_task.cancel()
