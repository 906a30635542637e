"""Environment variables and their effect on a running server: the page, sign-in, the database."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from conftest import POSTGRES, Person, postgres_database, run_server
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.errors import DatabaseError
from fastback.settings import SettingsError, load_settings

# The page and its answers


async def test_variables_reach_the_page(start_server: Any) -> None:
    env = {"DEPLOYMENT_ID": "blue", "IFRAME_CSP": "script-src 'none'", "WEBUI_NAME": "Owl"}
    async with start_server(**env) as server:
        ada = await server.sign_up("Ada")
        assert (await ada.get("/api/version")).ok()["deployment_id"] == "blue"
        config = (await ada.get("/api/config")).ok()
        assert config["ui"]["iframe_csp"] == "script-src 'none'"
        assert config["name"] == "Owl (Open WebUI)"


async def test_features_are_switched_by_variables(start_server: Any) -> None:
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
        async with start_server(TTS_ENGINE="openai", STT_ENGINE="web", **env, **more) as server:
            body = {"email": "root@example.com", "password": "correct horse battery"}
            account = (await server.stranger().post("/api/v1/auths/signin", body)).ok()
            config = (await Person(server.url, account["token"]).get("/api/config")).ok()
            features = {name: config["features"][feature] for name, feature in names.items()}
            assert features == dict.fromkeys(names, value)
            assert config["audio"]["tts"]["engine"] == "openai"
            assert config["audio"]["stt"]["engine"] == "web"


async def test_sign_up_can_be_disabled(start_server: Any) -> None:
    async with start_server(ENABLE_LOGIN_FORM="false") as server:
        body = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
        assert (await server.stranger().post("/api/v1/auths/signup", body)).status == 403
    reset = {"RESET_CONFIG_ON_START": "true"}
    async with start_server(ENABLE_LOGIN_FORM="false", ENABLE_INITIAL_ADMIN_SIGNUP="true", **reset) as server:
        await server.sign_up("Ada")  # the first account
    for name, enabled, status in (("Bob", "true", 200), ("Cy", "false", 403)):
        async with start_server(ENABLE_SIGNUP=enabled, **reset) as server:
            body = {"name": name, "email": f"{name}@example.com", "password": "correct horse battery"}
            assert (await server.stranger().post("/api/v1/auths/signup", body)).status == status


async def test_new_users_get_the_configured_role_and_session_lifetime(start_server: Any) -> None:
    async with start_server(DEFAULT_USER_ROLE="user", JWT_EXPIRES_IN="90s") as server:
        ada = await server.sign_up("Ada")
        assert 80 < ada.account["expires_at"] - time.time() <= 90
        settings = (await ada.get("/api/v1/auths/admin/config")).ok()
        (await ada.post("/api/v1/auths/admin/config", {**settings, "ENABLE_SIGNUP": True})).ok()
        assert (await server.sign_up("Bob")).account["role"] == "user"


async def test_cookies_have_the_configured_attributes(start_server: Any) -> None:
    env = {"WEBUI_SESSION_COOKIE_SAME_SITE": "strict", "WEBUI_SESSION_COOKIE_SECURE": "true"}
    async with start_server(**env) as server:
        body = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
        cookie = (await server.stranger().post("/api/v1/auths/signup", body)).headers["set-cookie"]
        assert "SameSite=strict" in cookie
        assert "Secure" in cookie.split("; ")


async def test_an_api_key_may_come_in_a_header_of_its_own(start_server: Any) -> None:
    async with start_server(ENABLE_API_KEYS="true", CUSTOM_API_KEY_HEADER="X-Company-Key") as server:
        ada = await server.sign_up("Ada")
        key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
        stranger = server.stranger()
        assert (await stranger.get("/api/models", headers={"x-company-key": key})).status == 200
        assert (await stranger.get("/api/models", headers={"x-api-key": key})).status == 401
    async with start_server() as server:
        assert (await server.stranger().get("/api/models", headers={"x-api-key": key})).status == 200


async def test_functions_stay_off_in_safe_mode(start_server: Any) -> None:
    async with start_server() as server:
        db = server.services.get(Database)
        statement = """INSERT INTO function
            (id, user_id, name, type, content, meta, valves, is_active, is_global, updated_at, created_at)
            VALUES ('f', 'u', 'F', 'filter', '', '{}', '{}', TRUE, FALSE, 1, 1)"""
        await db.execute("tests.function", statement)
    for env, active in (({}, 1), ({"SAFE_MODE": "true"}, 0), ({}, 0)):
        async with start_server(**env) as server:
            is_active = await server.services.get(Database).fetch_value(
                "tests.active", "SELECT is_active FROM function"
            )
            assert is_active == active


async def test_uploads_and_the_database_are_stored_at_configured_paths(tmp_path: Path) -> None:
    settings = load_settings({"DATA_DIR": str(tmp_path / "data"), "UPLOAD_DIR": str(tmp_path / "files")}, dotenv=None)
    assert settings.upload_path == tmp_path / "files"
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/else/where.db"}
    async with run_server(env, tmp_path / "data", "sqlite"):
        pass
    assert (tmp_path / "else" / "where.db").exists()
    assert not (tmp_path / "data" / "webui.db").exists()


async def test_the_thread_pool_has_the_configured_size(start_server: Any) -> None:
    async with start_server(THREAD_POOL_SIZE="2"):
        released, running = threading.Event(), []

        def work() -> None:
            running.append(threading.current_thread().name)
            released.wait(5)

        tasks = [asyncio.create_task(asyncio.to_thread(work)) for _ in range(4)]
        await asyncio.sleep(0.2)
        assert len(running) == 2
        released.set()
        await asyncio.gather(*tasks)


async def test_activity_is_saved_no_more_often_than_configured(start_server: Any) -> None:
    from fastback.access.identity import IdentityResolver

    for seconds, expected in (("3600", 1), ("0", 2)):
        async with start_server(DATABASE_USER_ACTIVE_STATUS_UPDATE_INTERVAL=seconds) as server:
            identities = server.services.get(IdentityResolver)
            db = server.services.get(Database)
            if seconds == "3600":
                server.people.append(ada := await server.sign_up("Ada"))
            else:
                ada = Person(server.url, ada.token, ada.account)
                server.people.append(ada)
            written = []
            for _ in range(2):
                await ada.get("/api/v1/auths/")
                await db.execute("tests.forget", 'UPDATE "user" SET last_active_at = 0')
                await identities.save_last_seen()
                written.append(await db.fetch_value("tests.seen", 'SELECT last_active_at FROM "user"') > 0)
            assert sum(written) == expected


# The database


def _pragma(database: Any, name: str) -> Any:
    connection: apsw.Connection = database._writer.connection
    return connection.execute(f"PRAGMA {name}").fetchone()[0]  # type: ignore[index]


async def test_pragmas_of_sqlite(tmp_path: Path) -> None:
    pragmas = {
        "DATABASE_SQLITE_PRAGMA_SYNCHRONOUS": "full",
        "DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT": "150",
        "DATABASE_SQLITE_PRAGMA_CACHE_SIZE": "-1234",
        "DATABASE_SQLITE_PRAGMA_TEMP_STORE": "FILE",
        "DATABASE_SQLITE_PRAGMA_MMAP_SIZE": "1048576",
        "DATABASE_SQLITE_PRAGMA_JOURNAL_SIZE_LIMIT": "4096",
    }
    for env, expected in ((pragmas, [2, -1234, 1, 1048576, 4096]), ({}, [1, -4096, 2, 0, -1])):
        async with run_server(env, tmp_path, "sqlite") as server:
            db = server.services.get(Database)
            names = ("synchronous", "cache_size", "temp_store", "mmap_size", "journal_size_limit")
            assert [_pragma(db, name) for name in names] == expected
            assert _pragma(db, "journal_mode") == "wal"
            if not env:
                continue
            other = apsw.Connection(db.path)
            # The server builds indexes in the background now, on our event loop, which must not be blocked.
            other.set_busy_timeout(30_000)
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            started = time.perf_counter()
            with pytest.raises(DatabaseError, match="locked by another process"):
                await db.execute("tests.write", "UPDATE config SET key = key")
            assert time.perf_counter() - started < 5
            other.execute("ROLLBACK")
            other.close()
    with pytest.raises(SettingsError, match=r"^DATABASE_SQLITE_PRAGMA_CACHE_SIZE: '1; DROP TABLE chat'"):
        load_settings({"DATABASE_SQLITE_PRAGMA_CACHE_SIZE": "1; DROP TABLE chat"}, dotenv=None)


async def test_the_write_ahead_log_can_be_switched_off(tmp_path: Path) -> None:
    async with run_server({"DATABASE_ENABLE_SQLITE_WAL": "false"}, tmp_path, "sqlite") as server:
        assert _pragma(server.services.get(Database), "journal_mode") == "delete"


@pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")
async def test_the_pool_of_postgres(tmp_path: Path) -> None:
    async with postgres_database(empty=True) as url:
        env = {
            "DATABASE_URL": url,
            "DATABASE_POOL_SIZE": "2",
            "DATABASE_POOL_MAX_OVERFLOW": "1",
            "DATABASE_POOL_TIMEOUT": "1",
            "DATABASE_POOL_RECYCLE": "77",
        }
        async with run_server(env, tmp_path, "postgres") as server:
            db: Any = server.services.get(Database)
            pool = db._pool
            assert (pool.options.size, pool.options.recycle) == (3, 77)
            connections = [await pool.acquire() for _ in range(3)]
            started = time.perf_counter()
            with pytest.raises(DatabaseError, match="no connection to PostgreSQL became free within 1 seconds"):
                await db.fetch_value("tests.one", "SELECT 1")
            assert 0.9 < time.perf_counter() - started < 5
            for connection in connections:
                pool.release(connection)
            assert await db.fetch_value("tests.one", "SELECT 1") == 1


@pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")
async def test_a_schema_of_postgres(tmp_path: Path) -> None:
    async with postgres_database(empty=True) as url:
        db = await connect(url)
        await db.run_script("CREATE SCHEMA elsewhere")
        await db.close()
        async with run_server({"DATABASE_URL": url, "DATABASE_SCHEMA": "elsewhere"}, tmp_path, "postgres") as server:
            text = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'chat'"
            assert await server.services.get(Database).fetch_value("tests.schema", text) == "elsewhere"
