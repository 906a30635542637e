"""Environment variables and their effect on connections to other servers: models, Redis, the sockets of pages."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from conftest import REDIS, Person, run_server
from fastback.providers.http_client import make_client
from fastback.settings import load_settings
from page_client import open_page
from prepared_database import POSTGRES, postgres_database


@asynccontextmanager
async def serve_handler(handler: Any, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that answers all requests by one handler, and yield its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


# Model servers


async def test_connections_follow_the_variables(tmp_path: Path, upstream: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    single = {"OPENAI_API_BASE_URL": f"{upstream}/v1", "OPENAI_API_KEY_FILE": str(secret)}
    several = {"OPENAI_API_BASE_URLS": f"http://127.0.0.1:9/v1;{upstream}/v1", "OPENAI_API_KEYS": "a;second"}
    for number, (env, owner, bearer) in enumerate(
        [
            ({**single, "ENABLE_OLLAMA_API": "false"}, "openai", "Bearer from-a-file"),
            ({**several, "ENABLE_OLLAMA_API": "false"}, "openai", "Bearer second"),
            ({"OLLAMA_BASE_URL": upstream, **single, "ENABLE_OPENAI_API": "false"}, "ollama", None),
            ({"OLLAMA_BASE_URLS": f"http://127.0.0.1:9;{upstream}", "ENABLE_OPENAI_API": "false"}, "ollama", None),
        ]
    ):
        async with run_server(env, tmp_path / str(number), "sqlite") as server:
            ada = await server.sign_up("Ada")
            model_server = server.stranger()
            model_server.url = upstream
            models = [model for model in (await ada.get("/api/models")).ok()["data"] if model["owned_by"] != "arena"]
            assert {model["owned_by"] for model in models} == {owner}
            body = {"model": models[0]["id"], "messages": [{"role": "user", "content": "Hi"}]}
            assert (await ada.post("/api/chat/completions", body)).status == 200
            request = (await model_server.get("/_requests")).ok()[-1]
            assert request["headers"].get("authorization") == bearer
            assert request["path"] == ("/v1/chat/completions" if owner == "openai" else "/api/chat")


async def test_a_stream_that_pauses_too_long_is_ended(start_server: Any) -> None:
    async with start_server(AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT="0.5") as server:
        ada = await server.sign_up("Ada")
        start = time.perf_counter()
        async with open_page(ada) as page:
            turn = await page.ask("Wait [[silent 20]]")
            assert turn
        assert time.perf_counter() - start < 10


async def test_a_completion_that_takes_too_long_is_ended(start_server: Any) -> None:
    async with start_server(AIOHTTP_CLIENT_TIMEOUT="1") as server:
        ada = await server.sign_up("Ada")
        start = time.perf_counter()
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "[[slow]]"}]}
        await ada.post("/api/chat/completions", body)
        assert time.perf_counter() - start < 10


async def test_certificates_of_model_servers_are_verified_unless_disabled(tmp_path: Path) -> None:
    tls, authority = _make_certificate(tmp_path)

    async def list_models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m"}]})

    async with serve_handler(list_models, tls=tls) as url:
        for number, (env, expected) in enumerate(
            [
                ({}, []),
                ({"AIOHTTP_CLIENT_SESSION_SSL": "false"}, ["m"]),
                ({"AIOHTTP_CLIENT_SSL_CERT_FILE": str(authority)}, ["m"]),
            ]
        ):
            variables = {"OPENAI_API_BASE_URL": f"{url}/v1", "ENABLE_OLLAMA_API": "false", **env}
            async with run_server(variables, tmp_path / str(number), "sqlite") as server:
                ada = await server.sign_up("Ada")
                models = (await ada.get("/api/models")).ok()["data"]
                assert [model["id"] for model in models if model["owned_by"] != "arena"] == expected


def _make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS context of a server, and the file of the authority that vouches for 127.0.0.1."""
    import subprocess

    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not there")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


async def test_the_client_pool_has_the_configured_size() -> None:
    for env, expected in (
        ({}, (0, 0)),
        ({"AIOHTTP_POOL_CONNECTIONS": "7", "AIOHTTP_POOL_CONNECTIONS_PER_HOST": "3"}, (7, 3)),
    ):
        client = make_client(load_settings({**env, "AIOHTTP_POOL_DNS_TTL": "5"}, dotenv=None))
        connector = client.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        assert (connector.limit, connector.limit_per_host) == expected
        assert connector._cached_hosts._ttl == 5
        await client.close()


async def test_user_info_is_forwarded_to_model_servers(start_server: Any, upstream: str) -> None:
    env = {"ENABLE_FORWARD_USER_INFO_HEADERS": "true", "FORWARD_USER_INFO_HEADER_AUTH_TYPE": "X-How"}
    async with start_server(ENABLE_API_KEYS="true", **env) as server:
        ada = await server.sign_up("Ada")
        key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
        model_server = Person(upstream)
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi"}]}
        for person, auth_type in ((ada, "jwt"), (Person(server.url, key), "api_key")):
            for path in ("/api/chat/completions", "/openai/chat/completions"):
                assert (await person.post(path, body)).status == 200
                headers = (await model_server.get("/_requests")).ok()[-1]["headers"]
                assert headers["x-how"] == auth_type
                assert headers["x-openwebui-user-id"] == ada.id
            await person.close()
        await model_server.close()


async def test_a_stream_line_that_is_too_long_is_skipped(tmp_path: Path) -> None:
    def make_chunk(text: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"

    async def send_chunks(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": "m"}]})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for text in ("one ", "x" * 5000, "two ", "y" * 200_000, "three"):
            await response.write(make_chunk(text))
        await response.write(b"data: [DONE]\n\n")
        return response

    async with serve_handler(send_chunks) as url:
        env = {"OPENAI_API_BASE_URL": f"{url}/v1", "CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE": "4000"}
        async with run_server({"ENABLE_OLLAMA_API": "false", **env}, tmp_path, "sqlite") as server:
            ada = await server.sign_up("Ada")
            async with open_page(ada) as page:
                turn = await page.ask("Hi", models=["m"])
                chat = await page.get_chat(turn["chat_id"])
            message = chat["chat"]["history"]["messages"][turn["answer"]]
            assert message["content"] == "one two three"


async def test_deltas_of_an_answer_are_combined(start_server: Any) -> None:
    counts = {}
    for size in ("1", "1000"):
        async with start_server(CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE=size) as server:
            account = {"email": "ada@example.com", "password": "correct horse battery"}
            if size == "1":
                ada = await server.sign_up("Ada")
            else:
                token = (await server.stranger().post("/api/v1/auths/signin", account)).ok()["token"]
                server.people.append(ada := Person(server.url, token))
            async with open_page(ada) as page:
                await page.ask("Go [[tokens 900]] [[silent 0.4]]")
                deltas = [
                    event["delta"]
                    for event in page.list_data("response:completion")
                    if event.get("type") == "response.output_text.delta"
                ]
                assert "".join(deltas).startswith("word0 word1 ")
                assert "".join(deltas).rstrip().endswith("word899")
                counts[size] = len(deltas)
    assert counts["1000"] == 1
    assert counts["1"] > 1


async def test_a_workspace_model_falls_back_if_its_base_is_missing(start_server: Any) -> None:
    chat = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]}
    model = {"id": "mine", "base_model_id": "gone", "name": "Mine", "meta": {}, "params": {}}
    async with start_server() as server:
        ada = await server.sign_up("Ada")
        (await ada.post("/api/v1/models/create", model)).ok()
        assert (await ada.post("/api/chat/completions", chat)).status == 400
        token = ada.token
    env = {"ENABLE_CUSTOM_MODEL_FALLBACK": "true", "DEFAULT_MODELS": "demo-small", "RESET_CONFIG_ON_START": "true"}
    async with start_server(**env) as server:
        server.people.append(ada := Person(server.url, token))
        answer = (await ada.post("/api/chat/completions", chat)).ok()
        assert answer["choices"][0]["message"]["content"]


# Redis


@pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")
async def test_revoked_sessions_are_shared_over_redis_as_in_open_webui(start_server: Any) -> None:
    import jwt
    from redis.asyncio import Redis

    prefix = f"tests-{time.time_ns()}"
    redis = Redis.from_url(REDIS)
    try:
        async with start_server(REDIS_URL=REDIS, REDIS_KEY_PREFIX=prefix) as server:
            ada = await server.sign_up("Ada")
            claims = jwt.decode(ada.token, options={"verify_signature": False})
            (await ada.post("/api/v1/auths/signout")).ok()
            name = f"{prefix}:auth:token:{claims['jti']}:revoked"
            assert await redis.get(name) == b"1"
            assert 0 < await redis.ttl(name) <= claims["exp"] - time.time() + 1

            body = {"email": "ada@example.com", "password": "correct horse battery"}
            second = (await server.stranger().post("/api/v1/auths/signin", body)).ok()["token"]
            claims = jwt.decode(second, options={"verify_signature": False})
            await redis.set(f"{prefix}:auth:token:{claims['jti']}:revoked", "1")
            server.people.append(person := Person(server.url, second))
            assert (await person.get("/api/v1/auths/")).status == 401

            third = (await server.stranger().post("/api/v1/auths/signin", body)).ok()["token"]
            await redis.set(f"{prefix}:auth:user:{ada.id}:revoked_at", str(int(time.time()) + 1))
            server.people.append(person := Person(server.url, third))
            assert (await person.get("/api/v1/auths/")).status == 401
    finally:
        for name in await redis.keys(f"{prefix}:*"):
            await redis.delete(name)
        await redis.aclose()


@pytest.mark.parametrize("enabled", ["true", "false"])
async def test_an_unreachable_redis_does_not_stop_the_server(
    start_server: Any, enabled: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed_socket, caplog.at_level(logging.WARNING):
        closed_socket.bind(("127.0.0.1", 0))
        url = f"redis://:hush@127.0.0.1:{closed_socket.getsockname()[1]}"
        async with start_server(REDIS_URL=url, ENABLE_REDIS=enabled, REDIS_SOCKET_CONNECT_TIMEOUT="1") as server:
            ada = await server.sign_up("Ada")
            assert (await ada.get("/api/v1/auths/")).status == 200
            await asyncio.sleep(0.1)
    warnings = [message for message in caplog.messages if "Redis does not answer" in message]
    assert len(warnings) == (1 if enabled == "true" else 0)
    assert "hush" not in caplog.text


@pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named")
async def test_socket_events_go_over_a_connection_of_their_own(tmp_path: Path, upstream: str) -> None:
    env = {"OPENAI_API_BASE_URLS": f"{upstream}/v1", "ENABLE_OLLAMA_API": "false", "WEBSOCKET_MANAGER": "redis"}
    env |= {"REDIS_URL": REDIS, "WEBSOCKET_REDIS_OPTIONS": '{"client_name": "fastback-tests"}'}
    async with (
        postgres_database() as address,
        run_server(env | {"DATABASE_URL": address}, tmp_path, "postgres") as server,
    ):
        ada = await server.sign_up("Ada")
        async with open_page(ada) as page:
            await page.ask("Hello [[tokens 12]]")
            assert page.list_data("chat:completion")[-1]["done"] is True
            from redis.asyncio import Redis

            redis = Redis.from_url(REDIS)
            names = [client["name"] for client in await redis.client_list()]
            await redis.aclose()
            assert "fastback-tests" in names


# Sockets


async def test_without_websockets_pages_poll(start_server: Any) -> None:
    async with start_server(ENABLE_WEBSOCKET_SUPPORT="false") as server:
        ada = await server.sign_up("Ada")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.ws_connect(f"{server.url}/ws/socket.io/?EIO=4&transport=websocket")
        async with open_page(ada, "polling") as page:
            await page.ask("Hello [[tokens 3]]")
            assert page.list_data("chat:completion")[-1]["done"] is True
