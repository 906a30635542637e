"""What every response has in common: allowed origins, security headers, limits of size; the report of `doctor`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from conftest import Person, Server, run_server


async def _fetch_raw(person: Person, path: str, **headers: str) -> tuple[bytes, aiohttp.ClientResponse]:
    """Return the body of a response as it came over the wire, and the response."""
    extra_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(
            person.url + path, headers={"authorization": f"Bearer {person.token}", **extra_headers}
        ) as response,
    ):
        return await response.read(), response


async def test_other_origins_may_ask_unless_the_administrator_names_some(server: Server, ada: Person) -> None:
    _, response = await _fetch_raw(ada, "/api/version", origin="https://elsewhere.example")
    assert response.headers["access-control-allow-origin"] in ("*", "https://elsewhere.example")
    preflight = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    reply = await ada.request("OPTIONS", "/api/chat/completions", headers=preflight)
    assert reply.status == 200
    assert "POST" in reply.headers["access-control-allow-methods"]


async def test_only_named_origins_may_ask(tmp_path: Path) -> None:
    env = {"CORS_ALLOW_ORIGIN": "https://chat.example;https://desk.example", "DATABASE_URL": ""}
    async with run_server(env, tmp_path, "sqlite") as server:
        stranger = server.stranger()
        for origin, expected in (("https://desk.example", "https://desk.example"), ("https://else.example", None)):
            reply = await stranger.get("/api/version", headers={"origin": origin})
            assert reply.headers.get("access-control-allow-origin") == expected


async def test_every_response_has_security_headers(tmp_path: Path) -> None:
    env = {
        "XFRAME_OPTIONS": "sometimes",  # an invalid value: the strict one is used
        "REFERRER_POLICY": "same-origin",
        "CONTENT_SECURITY_POLICY": "default-src 'self'",
        "CACHE_CONTROL": "no-store",
        "HSTS": "max-age=60;includeSubDomains",
    }
    async with run_server(env, tmp_path, "sqlite") as server:
        for path in ("/api/version", "/api/v1/chats/", "/nowhere/at/all"):
            headers = (await server.stranger().get(path)).headers
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["content-security-policy"] == "default-src 'self'"
            assert headers.getall("cache-control") == ["no-store"]
            assert headers["strict-transport-security"] == "max-age=60;includeSubDomains"


async def test_a_stranger_cannot_fill_the_memory(server: Server, ada: Person) -> None:
    large = {"email": "ada@example.com", "password": "x" * 2_000_000}
    assert "too large" in (await server.stranger().post("/api/v1/auths/signin", large)).refused(413)

    async def stream_pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    url = f"{server.url}/api/v1/auths/signin"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(
                url, data=stream_pieces(), headers={"content-type": "application/json"}
            ) as response:
                assert response.status == 413
        except aiohttp.ClientError:
            pass  # the server closed the connection during the upload: this refuses the request as well
    note = "y" * 2_000_000
    chat = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Long", "note": note}})).ok()
    assert chat["chat"]["note"] == note


def _run_doctor(data_dir: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from fastback.cli import main; raise SystemExit(main())", "doctor"]
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **env}
    return subprocess.run(
        [*command, "--data-dir", str(data_dir)], capture_output=True, text=True, env=variables, check=False, timeout=60
    )


async def test_doctor_checks_everything_and_changes_nothing(tmp_path: Path, upstream: str) -> None:
    missing = _run_doctor(tmp_path / "none", FASTBACK_CACHE_DIR=str(tmp_path / "empty"))
    assert missing.returncode == 1
    assert "fastback frontend" in missing.stdout
    assert not (tmp_path / "none").exists()
    home = tmp_path / "home"
    connections = {"OPENAI_API_BASE_URLS": f"{upstream}/v1;http://127.0.0.1:9/v1", "ENABLE_OLLAMA_API": "false"}
    async with run_server(connections, home, "sqlite"):
        pass
    before = (home / "webui.db").read_bytes()
    lines = _run_doctor(home, REDIS_URL="redis://127.0.0.1:9/0", **connections).stdout.splitlines()
    states = [(line.split()[0], line) for line in lines]
    assert any(state == "ok" and "0bd252b206fb" in line for state, line in states)
    assert any(state == "ok" and f"{upstream}/v1 responds" in line for state, line in states)
    assert any(state == "warn" and "127.0.0.1:9/v1 does not respond" in line for state, line in states)
    assert any(state == "fail" and "redis" in line for state, line in states)
    assert (home / "webui.db").read_bytes() == before
