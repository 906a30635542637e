"""`python -m bench.bare_handler PORT FILE`: the bare limit, an ASGI handler on the same server that returns a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn

CONTENT = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else b"{}"
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(CONTENT)).encode())]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": CONTENT})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
    )
