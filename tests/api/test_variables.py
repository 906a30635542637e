"""Variables and what they change of a running server."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest
from aiohttp import web

from conftest import POSTGRES, REDIS, Person, postgres_database, serving
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.errors import DatabaseError
from fastback.providers.http_client import make_client
from fastback.settings import SettingsError, load_settings
from page import open_page


@pytest.fixture
def started(tmp_path: Path, upstream: str) -> Callable[..., Any]:
    """Starts a server with some variables, connected to the model server."""

    def start(**env: str) -> Any:
        given = {"OPENAI_API_BASE_URLS": f"{upstream}/v1", "OPENAI_API_KEYS": "k", "ENABLE_OLLAMA_API": "false", **env}
        return serving(given, tmp_path, "sqlite")

    return start


@asynccontextmanager
async def answering(handler: Any, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that answers everything by one handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


# The page and its answers


async def test_what_the_page_is_told(started: Any) -> None:
    env = {"DEPLOYMENT_ID": "blue", "IFRAME_CSP": "script-src 'none'", "WEBUI_NAME": "Owl"}
    async with started(**env) as server:
        ada = await server.sign_up("Ada")
        assert (await ada.get("/api/version")).ok()["deployment_id"] == "blue"
        config = (await ada.get("/api/config")).ok()
        assert config["ui"]["iframe_csp"] == "script-src 'none'"
        assert config["name"] == "Owl (Open WebUI)"


async def test_features_are_switched_by_variables(started: Any) -> None:
    names = {
        "ENABLE_LOGIN_FORM": "enable_login_form",
        "ENABLE_WEBSOCKET_SUPPORT": "enable_websocket",
        "ENABLE_API_KEY": "enable_api_keys",
        "ENABLE_IMAGE_GENERATION": "enable_image_generation",
        "ENABLE_CODE_EXECUTION": "enable_code_execution",
        "ENABLE_WEB_SEARCH": "enable_web_search",
    }
    for value in (True, False):
        env = {name: str(value) for name in names} | {"ENABLE_PERSISTENT_CONFIG": "false"}
        more = {"WEBUI_ADMIN_EMAIL": "root@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}
        async with started(TTS_ENGINE="openai", STT_ENGINE="web", **env, **more) as server:
            body = {"email": "root@example.com", "password": "correct horse battery"}
            account = (await server.stranger().post("/api/v1/auths/signin", body)).ok()
            config = (await Person(server.url, account["token"]).get("/api/config")).ok()
            found = {name: config["features"][feature] for name, feature in names.items()}
            assert found == dict.fromkeys(names, value)
            assert config["audio"]["tts"]["engine"] == "openai"
            assert config["audio"]["stt"]["engine"] == "web"


async def test_nobody_signs_up_where_that_is_off(started: Any) -> None:
    async with started(ENABLE_LOGIN_FORM="false") as server:
        body = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
        assert (await server.stranger().post("/api/v1/auths/signup", body)).status == 403
    anew = {"RESET_CONFIG_ON_START": "true"}
    async with started(ENABLE_LOGIN_FORM="false", ENABLE_INITIAL_ADMIN_SIGNUP="true", **anew) as server:
        await server.sign_up("Ada")  # the first of all
    for name, wanted, status in (("Bob", "true", 200), ("Cy", "false", 403)):
        async with started(ENABLE_SIGNUP=wanted, **anew) as server:
            body = {"name": name, "email": f"{name}@example.com", "password": "correct horse battery"}
            assert (await server.stranger().post("/api/v1/auths/signup", body)).status == status


async def test_new_people_get_the_role_and_the_time_that_variables_say(started: Any) -> None:
    async with started(DEFAULT_USER_ROLE="user", JWT_EXPIRES_IN="90s") as server:
        ada = await server.sign_up("Ada")
        assert 80 < ada.account["expires_at"] - time.time() <= 90
        settings = (await ada.get("/api/v1/auths/admin/config")).ok()
        (await ada.post("/api/v1/auths/admin/config", {**settings, "ENABLE_SIGNUP": True})).ok()
        assert (await server.sign_up("Bob")).account["role"] == "user"


async def test_cookies_are_as_strict_as_they_say(started: Any) -> None:
    env = {"WEBUI_SESSION_COOKIE_SAME_SITE": "strict", "WEBUI_SESSION_COOKIE_SECURE": "true"}
    async with started(**env) as server:
        body = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
        cookie = (await server.stranger().post("/api/v1/auths/signup", body)).headers["set-cookie"]
        assert "SameSite=strict" in cookie
        assert "Secure" in cookie.split("; ")


async def test_an_api_key_may_come_in_a_header_of_its_own(started: Any) -> None:
    async with started(ENABLE_API_KEYS="true", CUSTOM_API_KEY_HEADER="X-Company-Key") as server:
        ada = await server.sign_up("Ada")
        key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
        stranger = server.stranger()
        assert (await stranger.get("/api/models", headers={"x-company-key": key})).status == 200
        assert (await stranger.get("/api/models", headers={"x-api-key": key})).status == 401
    async with started() as server:
        assert (await server.stranger().get("/api/models", headers={"x-api-key": key})).status == 200


async def test_functions_stay_off_in_safe_mode(started: Any) -> None:
    async with started() as server:
        db: Database = server.services.get(Database)
        text = """INSERT INTO function
            (id, user_id, name, type, content, meta, valves, is_active, is_global, updated_at, created_at)
            VALUES ('f', 'u', 'F', 'filter', '', '{}', '{}', TRUE, FALSE, 1, 1)"""
        await db.execute("tests.function", text)
    for env, active in (({}, 1), ({"SAFE_MODE": "true"}, 0), ({}, 0)):
        async with started(**env) as server:
            found = await server.services.get(Database).scalar("tests.active", "SELECT is_active FROM function")
            assert found == active


async def test_uploads_and_the_database_lie_where_variables_say(tmp_path: Path) -> None:
    settings = load_settings({"DATA_DIR": str(tmp_path / "data"), "UPLOAD_DIR": str(tmp_path / "files")}, dotenv=None)
    assert settings.upload_path == tmp_path / "files"
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/else/where.db"}
    async with serving(env, tmp_path / "data", "sqlite"):
        pass
    assert (tmp_path / "else" / "where.db").exists()
    assert not (tmp_path / "data" / "webui.db").exists()


async def test_threads_are_as_many_as_they_say(started: Any) -> None:
    async with started(THREAD_POOL_SIZE="2"):
        held, running = threading.Event(), []

        def work() -> None:
            running.append(threading.current_thread().name)
            held.wait(5)

        waiting = [asyncio.create_task(asyncio.to_thread(work)) for _ in range(4)]
        await asyncio.sleep(0.2)
        assert len(running) == 2
        held.set()
        await asyncio.gather(*waiting)


async def test_users_are_noted_no_oftener_than_they_say(started: Any) -> None:
    from fastback.access.identity import Identities

    for seconds, notes in (("3600", 1), ("0", 2)):
        async with started(DATABASE_USER_ACTIVE_STATUS_UPDATE_INTERVAL=seconds) as server:
            identities: Identities = server.services.get(Identities)
            db: Database = server.services.get(Database)
            if seconds == "3600":
                server.people.append(ada := await server.sign_up("Ada"))
            else:
                ada = Person(server.url, ada.token, ada.account)
                server.people.append(ada)
            written = []
            for _ in range(2):
                await ada.get("/api/v1/auths/")
                await db.execute("tests.forget", 'UPDATE "user" SET last_active_at = 0')
                await identities.write_seen()
                written.append(await db.scalar("tests.seen", 'SELECT last_active_at FROM "user"') > 0)
            assert sum(written) == notes


# The database


def _pragma(database: Any, name: str) -> Any:
    connection: apsw.Connection = database._writer.connection
    return connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[index]


async def test_pragmas_of_sqlite(tmp_path: Path) -> None:
    chosen = {
        "DATABASE_SQLITE_PRAGMA_SYNCHRONOUS": "full",
        "DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT": "150",
        "DATABASE_SQLITE_PRAGMA_CACHE_SIZE": "-1234",
        "DATABASE_SQLITE_PRAGMA_TEMP_STORE": "FILE",
        "DATABASE_SQLITE_PRAGMA_MMAP_SIZE": "1048576",
        "DATABASE_SQLITE_PRAGMA_JOURNAL_SIZE_LIMIT": "4096",
    }
    for env, expected in ((chosen, [2, -1234, 1, 1048576, 4096]), ({}, [1, -4096, 2, 0, -1])):
        async with serving(env, tmp_path, "sqlite") as server:
            db = server.services.get(Database)
            names = ("synchronous", "cache_size", "temp_store", "mmap_size", "journal_size_limit")
            assert [_pragma(db, name) for name in names] == expected
            assert _pragma(db, "journal_mode") == "wal"
            if not env:
                continue
            other = apsw.Connection(db.path)
            other.execute("BEGIN IMMEDIATE")
            started = time.perf_counter()
            with pytest.raises(DatabaseError, match="locked by another process"):
                await db.execute("tests.write", "UPDATE config SET key = key")
            assert time.perf_counter() - started < 5
            other.execute("ROLLBACK")
            other.close()
    with pytest.raises(SettingsError, match=r"^DATABASE_SQLITE_PRAGMA_CACHE_SIZE: '1; DROP TABLE chat'"):
        load_settings({"DATABASE_SQLITE_PRAGMA_CACHE_SIZE": "1; DROP TABLE chat"}, dotenv=None)


async def test_the_write_ahead_log_can_be_switched_off(tmp_path: Path) -> None:
    async with serving({"DATABASE_ENABLE_SQLITE_WAL": "false"}, tmp_path, "sqlite") as server:
        assert _pragma(server.services.get(Database), "journal_mode") == "delete"


@pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")
async def test_the_pool_of_postgres(tmp_path: Path) -> None:
    async with postgres_database() as url:
        env = {
            "DATABASE_URL": url,
            "DATABASE_POOL_SIZE": "2",
            "DATABASE_POOL_MAX_OVERFLOW": "1",
            "DATABASE_POOL_TIMEOUT": "1",
            "DATABASE_POOL_RECYCLE": "77",
        }
        async with serving(env, tmp_path, "postgres") as server:
            db: Any = server.services.get(Database)
            pool = db._pool.pool
            assert pool.get_max_size() == 3
            assert pool._max_inactive_connection_lifetime == 77
            taken = [await pool.acquire() for _ in range(3)]
            started = time.perf_counter()
            with pytest.raises(DatabaseError, match="no connection to PostgreSQL became free within 1 seconds"):
                await db.scalar("tests.one", "SELECT 1")
            assert 0.9 < time.perf_counter() - started < 5
            for one in taken:
                await pool.release(one)
            assert await db.scalar("tests.one", "SELECT 1") == 1


@pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")
async def test_a_schema_of_postgres(tmp_path: Path) -> None:
    async with postgres_database() as url:
        db = await connect(url)
        await db.script("CREATE SCHEMA elsewhere")
        await db.close()
        async with serving({"DATABASE_URL": url, "DATABASE_SCHEMA": "elsewhere"}, tmp_path, "postgres") as server:
            text = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'chat'"
            assert await server.services.get(Database).scalar("tests.schema", text) == "elsewhere"


# Model servers


async def test_a_stream_may_pause_for_so_long(started: Any) -> None:
    async with started(AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT="0.5") as server:
        ada = await server.sign_up("Ada")
        begun = time.perf_counter()
        async with open_page(ada) as page:
            done = await page.ask("Wait [[silent 20]]")
            assert done
        assert time.perf_counter() - begun < 10


async def test_a_whole_answer_may_take_so_long(started: Any) -> None:
    async with started(AIOHTTP_CLIENT_TIMEOUT="1") as server:
        ada = await server.sign_up("Ada")
        begun = time.perf_counter()
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "[[slow]]"}]}
        await ada.post("/api/chat/completions", body)
        assert time.perf_counter() - begun < 10


async def test_certificates_of_model_servers_are_checked_unless_switched_off(tmp_path: Path) -> None:
    tls, authority = _certificate(tmp_path)

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m"}]})

    async with answering(models, tls=tls) as url:
        for number, (env, listed) in enumerate(
            [
                ({}, []),
                ({"AIOHTTP_CLIENT_SESSION_SSL": "false"}, ["m"]),
                ({"AIOHTTP_CLIENT_SSL_CERT_FILE": str(authority)}, ["m"]),
            ]
        ):
            given = {"OPENAI_API_BASE_URL": f"{url}/v1", "ENABLE_OLLAMA_API": "false", **env}
            async with serving(given, tmp_path / str(number), "sqlite") as server:
                ada = await server.sign_up("Ada")
                found = (await ada.get("/api/models")).ok()["data"]
                assert [one["id"] for one in found if one["owned_by"] != "arena"] == listed


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context and the authority that vouches for 127.0.0.1."""
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


async def test_connections_to_other_servers_are_as_many_as_they_say() -> None:
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


async def test_model_servers_are_told_who_asks(started: Any, upstream: str) -> None:
    env = {"ENABLE_FORWARD_USER_INFO_HEADERS": "true", "FORWARD_USER_INFO_HEADER_AUTH_TYPE": "X-How"}
    async with started(ENABLE_API_KEYS="true", **env) as server:
        ada = await server.sign_up("Ada")
        key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
        model_server = Person(upstream)
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi"}]}
        for person, how in ((ada, "jwt"), (Person(server.url, key), "api_key")):
            for path in ("/api/chat/completions", "/openai/chat/completions"):
                assert (await person.post(path, body)).status == 200
                asked = (await model_server.get("/_requests")).ok()[-1]["headers"]
                assert asked["x-how"] == how
                assert asked["x-openwebui-user-id"] == ada.id
            await person.close()
        await model_server.close()


async def test_a_line_of_a_stream_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    def chunk(text: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": "m"}]})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for text in ("one ", "x" * 5000, "two ", "y" * 200_000, "three"):
            await response.write(chunk(text))
        await response.write(b"data: [DONE]\n\n")
        return response

    async with answering(handler) as url:
        env = {"OPENAI_API_BASE_URL": f"{url}/v1", "CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE": "4000"}
        async with serving({"ENABLE_OLLAMA_API": "false", **env}, tmp_path, "sqlite") as server:
            ada = await server.sign_up("Ada")
            async with open_page(ada) as page:
                done = await page.ask("Hi", models=["m"])
                chat = await page.chat(done["chat_id"])
            message = chat["chat"]["history"]["messages"][done["answer"]]
            assert message["content"] == "one two three"


async def test_pieces_of_an_answer_are_sent_together(started: Any) -> None:
    counts = {}
    for size in ("1", "1000"):
        async with started(CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE=size) as server:
            account = {"email": "ada@example.com", "password": "correct horse battery"}
            if size == "1":
                ada = await server.sign_up("Ada")
            else:
                token = (await server.stranger().post("/api/v1/auths/signin", account)).ok()["token"]
                server.people.append(ada := Person(server.url, token))
            async with open_page(ada) as page:
                await page.ask("Go [[tokens 900]]")
                deltas = [
                    one["delta"]
                    for one in page.of("response:completion")
                    if one.get("type") == "response.output_text.delta"
                ]
                assert "".join(deltas).startswith("word0 word1 ")
                assert "".join(deltas).rstrip().endswith("word899")
                counts[size] = len(deltas)
    assert counts["1000"] == 1
    assert counts["1"] > 1


async def test_a_workspace_model_falls_back_where_its_base_is_gone(started: Any) -> None:
    chat = {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]}
    model = {"id": "mine", "base_model_id": "gone", "name": "Mine", "meta": {}, "params": {}}
    async with started() as server:
        ada = await server.sign_up("Ada")
        (await ada.post("/api/v1/models/create", model)).ok()
        assert (await ada.post("/api/chat/completions", chat)).status == 400
        token = ada.token
    env = {"ENABLE_CUSTOM_MODEL_FALLBACK": "true", "DEFAULT_MODELS": "demo-small", "RESET_CONFIG_ON_START": "true"}
    async with started(**env) as server:
        server.people.append(ada := Person(server.url, token))
        answer = (await ada.post("/api/chat/completions", chat)).ok()
        assert answer["choices"][0]["message"]["content"]


# Redis


@pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")
async def test_ended_sessions_are_shared_over_redis_as_open_webui_does(started: Any) -> None:
    import jwt
    from redis.asyncio import Redis

    prefix = f"tests-{time.time_ns()}"
    redis = Redis.from_url(REDIS)
    try:
        async with started(REDIS_URL=REDIS, REDIS_KEY_PREFIX=prefix) as server:
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
async def test_a_redis_that_does_not_answer_stops_nobody(
    started: Any, enabled: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed, caplog.at_level(logging.WARNING):
        closed.bind(("127.0.0.1", 0))
        url = f"redis://:hush@127.0.0.1:{closed.getsockname()[1]}"
        async with started(REDIS_URL=url, ENABLE_REDIS=enabled, REDIS_SOCKET_CONNECT_TIMEOUT="1") as server:
            ada = await server.sign_up("Ada")
            assert (await ada.get("/api/v1/auths/")).status == 200
            await asyncio.sleep(0.1)
    complaints = [one for one in caplog.messages if "Redis does not answer" in one]
    assert len(complaints) == (1 if enabled == "true" else 0)
    assert "hush" not in caplog.text


@pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")
async def test_socket_events_go_over_redis(tmp_path: Path, upstream: str) -> None:
    env = {"OPENAI_API_BASE_URLS": f"{upstream}/v1", "ENABLE_OLLAMA_API": "false", "WEBSOCKET_MANAGER": "redis"}
    env |= {"REDIS_URL": REDIS, "WEBSOCKET_REDIS_OPTIONS": '{"client_name": "fastback-tests"}'}
    async with serving(env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        async with open_page(ada) as page:
            await page.ask("Hello [[tokens 12]]")
            assert page.of("chat:completion")[-1]["done"] is True
            from redis.asyncio import Redis

            redis = Redis.from_url(REDIS)
            names = [one["name"] for one in await redis.client_list()]
            await redis.aclose()
            assert "fastback-tests" in names


# Sockets


async def test_without_websockets_pages_poll(started: Any) -> None:
    async with started(ENABLE_WEBSOCKET_SUPPORT="false") as server:
        ada = await server.sign_up("Ada")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.ws_connect(f"{server.url}/ws/socket.io/?EIO=4&transport=websocket")
        async with open_page(ada, "polling") as page:
            await page.ask("Hello [[tokens 3]]")
            assert page.of("chat:completion")[-1]["done"] is True
