"""A server that stands in for somebody else's: whatever is asked there, one handler answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve_handler(handler: Handler, *, max_body_size: int = 1024**2) -> AsyncIterator[str]:
    """Its address, without a slash at the end, for as long as the context lasts; `largest` bytes may be sent to it."""
    application = web.Application(client_max_size=max_body_size)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
