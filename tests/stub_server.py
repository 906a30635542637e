"""A stand-in for an external server: one handler answers every request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve_handler(handler: Handler, *, port: int = 0, max_body_size: int = 1024**2) -> AsyncIterator[str]:
    """Run the server while the context is open, at any port by default; yield its address, without a trailing slash."""
    application = web.Application(client_max_size=max_body_size)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
