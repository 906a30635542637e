"""PostgreSQL goes away, comes back, or has a table locked, while clients use the server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import socketio

from conftest import Person, Server, run_server
from fastback.access.identity import IdentityResolver
from fastback.kit.db import Database, DatabaseBusy, DatabaseUnavailable
from fastback.realtime.sessions import SocketSessions
from page_client import open_page
from postgres_server import IS_AVAILABLE, PostgresServer, run_postgres
from prepared_database import POSTGRES, postgres_database

UNAVAILABLE = "The database is unavailable. Please try again in a moment."
BUSY = "The database is busy. Please try again in a moment."

needs_programs = pytest.mark.skipif(not IS_AVAILABLE, reason="no PostgreSQL to start, or not root")
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with run_postgres() as running:
        yield running


def _list_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List what the log says about outages, and every error."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("fastback") and (record.levelno >= logging.ERROR or "PostgreSQL is" in record.msg)
    ]


@pytest.mark.slow
@needs_programs
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_goes_unnoticed_where_nothing_was_being_written(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    async with run_server({"DATABASE_URL": postgres.url}, tmp_path, "postgres") as server:
        ada = await _sign_in(server)
        stopped = asyncio.Event()
        replies: list[tuple[str, int, str | None, str]] = []

        async def send_requests() -> None:
            number = 0
            while not stopped.is_set():
                number += 1
                for method, path, body in (
                    ("GET", "/api/v1/folders/", None),
                    ("POST", "/api/v1/folders/", {"name": f"{mode} {number} {id(asyncio.current_task())}"}),
                ):
                    reply = await ada.request(method, path, json=body)
                    replies.append((method, reply.status, reply.headers.get("Retry-After"), reply.text))

        clients = [asyncio.create_task(send_requests()) for _ in range(6)]
        await asyncio.sleep(0.3)
        caplog.clear()
        await asyncio.to_thread(postgres.stop, mode)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(postgres.start)
        await asyncio.sleep(0.8)
        stopped.set()
        await asyncio.gather(*clients)

        assert {status for method, status, _, _ in replies if method == "GET"} == {200}
        writes = [reply for reply in replies if reply[0] == "POST"]
        assert {status for _, status, _, _ in writes} <= {200, 503}
        assert all(retry == "2" for _, status, retry, _ in writes if status == 503)
        assert (
            len([reply for reply in writes if reply[1] == 503]) <= 6
        )  # at most the one that each client had under way
        # What was acknowledged is there.
        folders = {folder["name"] for folder in (await ada.get("/api/v1/folders/")).ok()}
        assert len(folders) >= len([reply for reply in writes if reply[1] == 200])
        lines = _list_lines(caplog)
        assert [line.partition(" after ")[0].partition(", ")[0] for line in lines] == [
            "PostgreSQL is unavailable",
            "PostgreSQL is available again",
        ]


@pytest.mark.slow
@needs_programs
async def test_a_database_that_stays_away_is_answered_at_once_and_logged_once(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = {"DATABASE_URL": postgres.url, "FASTBACK_DATABASE_OUTAGE_WAIT": "0.5"}
    async with run_server(env, tmp_path, "postgres") as server:
        ada = await _sign_in(server)
        (await ada.get("/health/db")).ok()
        caplog.clear()
        await asyncio.to_thread(postgres.stop)

        started = time.perf_counter()
        (await ada.get("/api/v1/folders/")).refused(503, UNAVAILABLE)
        assert 0.3 < time.perf_counter() - started < 3

        requests = [
            ("GET", "/api/v1/folders/", None, UNAVAILABLE),
            ("GET", "/health/db", None, UNAVAILABLE),
            ("GET", "/ready", None, "Database not ready"),
            ("POST", "/api/v1/folders/", {"name": "lost"}, UNAVAILABLE),
            ("POST", "/api/v1/auths/signin", {"email": "ada@example.com", "password": "x"}, UNAVAILABLE),
            ("POST", "/api/v1/chats/new", {"chat": {"title": "lost"}}, UNAVAILABLE),
        ]
        started = time.perf_counter()
        for method, path, body, detail in requests * 5:
            reply = await ada.request(method, path, json=body)
            reply.refused(503, detail)
            assert reply.headers["Retry-After"] == "2"
        assert time.perf_counter() - started < 5
        (await ada.get("/health")).ok()

        await asyncio.to_thread(postgres.start)
        await _wait_until_ready(ada)
        (await ada.get("/health/db")).ok()
        (await ada.post("/api/v1/folders/", {"name": "kept"})).ok()
        assert "lost" not in {folder["name"] for folder in (await ada.get("/api/v1/folders/")).ok()}
        lines = _list_lines(caplog)
        assert len(lines) == 2, lines
        assert lines[0].startswith("PostgreSQL is unavailable, reconnecting: ")
        assert not any(record.exc_info for record in caplog.records if record.levelno >= logging.WARNING)


@pytest.mark.slow
@needs_programs
async def test_pages_find_their_rooms_again_after_an_outage(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = {"DATABASE_URL": postgres.url, "FASTBACK_DATABASE_OUTAGE_WAIT": "0.3"}
    async with run_server(env, tmp_path, "postgres") as server:
        ada = await _sign_in(server)
        identities = server.services.get(IdentityResolver)
        async with open_page(ada) as page:
            caplog.clear()
            await asyncio.to_thread(postgres.stop)
            identities.forget(ada.id)
            await page.socket.emit("heartbeat", {})
            await asyncio.sleep(0.6)
            assert page.socket.connected  # an answer may stream on it
            # The socket of a page that opens now is closed; a browser connects again after each time.
            sockets: list[socketio.AsyncClient] = []

            async def connect_until_signed_in() -> None:
                auth = {"token": ada.token}
                while True:
                    sockets.append(socketio.AsyncClient(reconnection=False))
                    await sockets[-1].connect(server.url, socketio_path="/ws/socket.io", wait_timeout=10, auth=auth)
                    with suppress(socketio.exceptions.SocketIOError):
                        if await sockets[-1].call("user-join", {"auth": auth}, timeout=2):
                            return
                    await asyncio.wait_for(sockets[-1].wait(), 3)  # closed by the server

            connecting = asyncio.create_task(connect_until_signed_in())
            await asyncio.sleep(1)
            assert not connecting.done()
            await asyncio.to_thread(postgres.start)
            await asyncio.wait_for(connecting, 15)
            assert len(sockets) > 1
            assert len(server.services.get(SocketSessions)) == 2
            await sockets[-1].disconnect()
        assert len(_list_lines(caplog)) == 2, _list_lines(caplog)


@pytest.mark.slow
@needs_programs
async def test_chats_say_that_the_database_is_unavailable(
    postgres: PostgresServer, tmp_path: Path, upstream: str, caplog: pytest.LogCaptureFixture
) -> None:
    env = {
        "DATABASE_URL": postgres.url,
        "FASTBACK_DATABASE_OUTAGE_WAIT": "0.3",
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": "k",
        "ENABLE_PERSISTENT_CONFIG": "false",
    }
    async with run_server(env, tmp_path, "postgres") as server:
        ada = await _sign_in(server)
        forget = server.services.get(IdentityResolver).forget
        path = f"{server.url}/api/ws/chat?token={ada.token}"
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "hello"}]}
        async with ada.http().ws_connect(path) as socket:
            await asyncio.to_thread(postgres.stop)
            caplog.clear()
            forget(ada.id)
            await socket.send_json(body)
            assert await socket.receive_json(timeout=5) == {"error": {"message": UNAVAILABLE}}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await ada.http().ws_connect(path)
            assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "2")
            for door in ("/api/chat/completions", "/openai/chat/completions", "/api/v1/messages"):
                reply = await ada.post(door, {**body, "max_tokens": 9})
                assert (reply.status, reply.headers.get("Retry-After")) == (503, "2"), (door, reply.text)
            await asyncio.to_thread(postgres.start)
            await _wait_until_ready(ada)
            await socket.send_json(body)
            assert "error" not in await socket.receive_json(timeout=5)
        assert len(_list_lines(caplog)) <= 2, _list_lines(caplog)


@pytest.mark.slow
@needs_programs
async def test_a_start_waits_for_a_database_that_is_not_up_yet(
    postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(postgres.stop)
    starting = asyncio.create_task(_start_and_stop({"DATABASE_URL": postgres.url}, tmp_path))
    await asyncio.sleep(0.7)
    assert not starting.done()
    await asyncio.to_thread(postgres.start)
    await starting
    assert len(_list_lines(caplog)) == 1
    assert "PostgreSQL is not up yet, retrying for 30 s" in caplog.text


async def _start_and_stop(env: dict[str, str], tmp_path: Path) -> None:
    async with run_server(env, tmp_path, "postgres") as server:
        (await server.stranger().get("/health/db")).ok()


async def _sign_in(server: Server) -> Person:
    """Return the administrator of a database that tests share."""
    reply = await server.stranger().post(
        "/api/v1/auths/signin", {"email": "ada@example.com", "password": "correct horse battery"}
    )
    if reply.status != 200:
        return await server.sign_up("Ada")
    person = Person(server.url, reply.json["token"], reply.json)
    server.people.append(person)
    return person


async def _wait_until_ready(person: Person) -> None:
    deadline = time.monotonic() + 10
    while (await person.get("/ready")).status != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


# Locks


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with postgres_database() as address:
        yield address


@pytest.fixture
async def other(url: str) -> AsyncIterator[Any]:
    """Return the connection of another program."""
    async with postgres_connection(url) as connection:
        yield connection


def _run(url: str, tmp_path: Path, **env: str) -> Any:
    return run_server({"DATABASE_URL": url, "DATABASE_POOL_SIZE": "3", **env}, tmp_path, "postgres")


@needs_postgres
async def test_a_locked_table_is_answered_with_503_and_leaves_the_rest_alone(
    url: str, other: Any, tmp_path: Path
) -> None:
    async with _run(url, tmp_path, FASTBACK_DATABASE_LOCK_TIMEOUT="0.5") as server:
        ada = await server.sign_up("Ada")
        await other.execute("BEGIN; LOCK TABLE folder")
        waiting = [asyncio.create_task(ada.get("/api/v1/folders/")) for _ in range(6)]
        writing = asyncio.create_task(ada.post("/api/v1/folders/", {"name": "a"}))
        for reply in await asyncio.gather(*waiting, writing):
            reply.refused(503, BUSY)
            assert reply.headers["Retry-After"] == "2"
        (await ada.get("/api/v1/prompts/")).ok()
        await other.execute("ROLLBACK")
        assert (await ada.get("/api/v1/folders/")).ok() == []


@needs_postgres
async def test_a_slow_statement_is_cancelled(url: str, tmp_path: Path) -> None:
    async with _run(url, tmp_path, FASTBACK_DATABASE_STATEMENT_TIMEOUT="0.3") as server:
        db = server.services.get(Database)
        with pytest.raises(DatabaseBusy, match=r"tests\.sleep: canceling statement due to statement timeout"):
            await db.fetch_value("tests.sleep", "SELECT pg_sleep(5)")
        # Long jobs have no limit, and leave none behind.
        async with db.transaction(long=True) as tx:
            await tx.fetch_value("tests.sleep", "SELECT pg_sleep(0.5)")
        await db.execute_in_thread("tests.sleep", "SELECT pg_sleep(0.5)")
        await db.run_script("SELECT pg_sleep(0.5)")
        await db.run_unlimited("tests.sleep", "SELECT pg_sleep(0.5)")
        with pytest.raises(DatabaseBusy):
            await db.fetch_value("tests.sleep", "SELECT pg_sleep(5)")


@needs_postgres
async def test_a_client_that_hangs_up_frees_its_connection(url: str, other: Any, tmp_path: Path) -> None:
    async with _run(url, tmp_path) as server:
        ada = await server.sign_up("Ada")
        await other.execute("BEGIN; LOCK TABLE folder")
        waiting = [asyncio.create_task(ada.get("/api/v1/folders/")) for _ in range(3)]
        while await _count_waiting(url) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for request in waiting:
            request.cancel()
        started = time.perf_counter()
        (await ada.get("/api/v1/prompts/")).ok()
        while await _count_waiting(url):  # noqa: ASYNC110 (the last request may end a moment after the others)
            await asyncio.sleep(0.02)
        assert time.perf_counter() - started < 5
        await other.execute("ROLLBACK")
        assert (await ada.get("/api/v1/folders/")).ok() == []


@asynccontextmanager
async def postgres_connection(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def _count_waiting(url: str) -> int:
    async with postgres_connection(url) as connection:
        text = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'fastback'"
        return int(await connection.fetchval(text + " AND datname = current_database()"))


# The pool


@needs_postgres
@pytest.mark.parametrize("hurry", [0.0, 0.02])
async def test_a_cancelled_transaction_never_returns_to_the_pool_open(url: str, tmp_path: Path, hurry: float) -> None:
    """Cancel between statements, in a statement, in the first one, in the commit: no connection stays as it was."""
    async with _run(url, tmp_path, DATABASE_POOL_SIZE="1") as server:
        db = server.services.get(Database)
        await db.run_script("CREATE TABLE t (n integer)")

        async def write(*, pause: float, sleep: float) -> None:
            async with db.transaction() as tx:
                await tx.execute("tests.insert", "INSERT INTO t VALUES (1)")
                await tx.fetch_value("tests.sleep", "SELECT pg_sleep(:seconds)", seconds=sleep)
                await asyncio.sleep(pause)

        for pause, sleep in ((10.0, 0.0), (0.0, 10.0)):
            writing = asyncio.create_task(write(pause=pause, sleep=sleep))
            await asyncio.sleep(hurry or 0.2)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            state = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 't'"
            assert await db.fetch_value("tests.locks", state) == 0
            assert await db.fetch_value("tests.count", "SELECT count(*) FROM t") == 0
        for _ in range(40):
            writing = asyncio.create_task(write(pause=0, sleep=0))
            await asyncio.sleep(hurry / 10)
            writing.cancel()
            await asyncio.wait([writing])
            id_now = await db.fetch_value("tests.xid", "SELECT pg_current_xact_id_if_assigned()")
            assert id_now is None  # no transaction is open that has written


@needs_postgres
async def test_nothing_is_reset_between_two_uses(url: str, tmp_path: Path) -> None:
    """A statement costs one round trip, and the settings of the session stay."""
    async with _run(url, tmp_path, DATABASE_POOL_SIZE="1", DATABASE_SCHEMA="public") as server:
        db = server.services.get(Database)
        await db.run_script("CREATE SCHEMA elsewhere")
        backend = await db.fetch_value("tests.pid", "SELECT pg_backend_pid()")
        async with db.transaction() as tx:
            await tx.execute("tests.set", "SET LOCAL search_path = elsewhere")
        with pytest.raises(ZeroDivisionError):
            async with db.transaction() as tx:
                await tx.execute("tests.set", "SET LOCAL search_path = elsewhere")
                raise ZeroDivisionError
        assert await db.fetch_value("tests.schema", "SELECT current_schema()") == "public"
        assert await db.fetch_value("tests.pid", "SELECT pg_backend_pid()") == backend
        text = "SELECT current_setting('lock_timeout')"
        last_statements = []
        async with postgres_connection(url) as connection:
            while text not in last_statements:  # the server works in the background, too
                assert await db.fetch_value("tests.lock", text) == "10s"
                last = "SELECT query FROM pg_stat_activity WHERE pid = $1"
                last_statements.append(await connection.fetchval(last, backend))
        assert not any("RESET" in statement or "UNLISTEN" in statement for statement in last_statements)


@needs_postgres
async def test_the_first_statement_of_a_transaction_is_retried_and_no_other(url: str, tmp_path: Path) -> None:
    async with _run(url, tmp_path) as server, postgres_connection(url) as connection:
        db = server.services.get(Database)
        await db.run_script("CREATE TABLE t (n integer)")

        async def end_connections() -> None:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'fastback'"
            )

        async with db.transaction() as tx:
            await end_connections()
            await tx.execute("tests.insert", "INSERT INTO t VALUES (1)")
            await tx.execute("tests.insert", "INSERT INTO t VALUES (2)")
        with pytest.raises(DatabaseUnavailable):
            async with db.transaction() as tx:
                await tx.execute("tests.insert", "INSERT INTO t VALUES (3)")
                await end_connections()
                await tx.execute("tests.insert", "INSERT INTO t VALUES (4)")
        assert await db.fetch_all(int, "tests.all", "SELECT n FROM t ORDER BY n") == [1, 2]
        # While a statement runs: a read runs once more, a write does not.
        text = "SELECT count(*) FROM t, pg_sleep(0.3)"
        reading = asyncio.create_task(db.fetch_value("tests.read", text))
        writing = asyncio.create_task(db.execute("tests.write", "INSERT INTO t SELECT 5 FROM pg_sleep(0.3)"))
        await asyncio.sleep(0.1)
        await end_connections()
        assert await reading == 2
        with pytest.raises(DatabaseUnavailable):
            await writing
        assert await db.fetch_value("tests.count", "SELECT count(*) FROM t") == 2
