"""The certified OpenID provider of npm (`tests/oidc`), as a process beside the tests; `make sdks` installs it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import Server
from fastback.config import Config

FOLDER = Path(__file__).parent / "oidc"
CLIENT_ID, CLIENT_SECRET = "fastback", "certified-secret-of-the-client"


@asynccontextmanager
async def serve_certified_provider(server: Server, **options: Any) -> AsyncIterator[str]:
    """Run the provider, connect the server to it, and yield its address."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("oidc-provider is not installed (make sdks)")
    client = {"site": server.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    process = await asyncio.create_subprocess_exec(
        node,
        "provider.mjs",
        json.dumps({**client, "groups": [], **options}),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = await _read_url(process.stdout)
        await server.services.get(Config).set_many(
            {
                "oauth.provider_url": f"{url}/.well-known/openid-configuration",
                "oauth.client_id": CLIENT_ID,
                "oauth.client_secret": CLIENT_SECRET,
                "oauth.code_challenge_method": "S256",
                "oauth.provider_name": "Club",
                "oauth.enable_signup": True,
            }
        )
        yield url
    finally:
        process.kill()
        await process.wait()


async def _read_url(output: asyncio.StreamReader) -> str:
    """Return the address that the provider prints; it prints warnings before."""
    while line := (await output.readline()).decode().strip():
        if line.startswith("http://"):
            return line
    raise AssertionError("the provider ended")
