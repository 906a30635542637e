"""Two server processes on one database and one Redis: everybody reads their own writes at once, others within a second.

The processes are real ones. What a user does in the first is checked in the second, which has cached the state before.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from conftest import PASSWORD, REDIS, Person, Server, run_server
from fastback.features.files.processing import FileProcessing
from faults.server_process import ServerProcess
from parity.plugins import FILTER
from prepared_database import copy_sqlite, postgres_database
from redis_server import MISSING, delete_keys, run_redis
from upload_samples import send_file
from waiting import wait_until
from wheel_directory import build_wheel, get_index_options

pytestmark = pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")

EVERYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


class ModelServer:
    """Lists models, and counts how often it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.model_ids = ["first"]
        self.counts: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.Response:
        self.counts[request.path] += 1
        return web.json_response({"data": [{"id": model_id, "name": model_id} for model_id in self.model_ids]})


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    server = ModelServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


class Nodes:
    """Two processes, and the people who use them."""

    def __init__(self, first: ServerProcess, second: ServerProcess) -> None:
        self.first = first
        self.second = second
        self._people: list[Person] = []

    def at_second(self, person: Person) -> Person:
        """Return the same person as a client of the second process."""
        return self._keep(Person(self.second.url, person.token, person.account))

    def _keep(self, person: Person) -> Person:
        self._people.append(person)
        return person

    async def sign_in(self, url: str, email: str, password: str = PASSWORD) -> Any:
        return await self._keep(Person(url)).post("/api/v1/auths/signin", {"email": email, "password": password})

    async def add_user(self, admin: Person, name: str) -> Person:
        body = {"name": name, "email": f"{name.lower()}@example.com", "password": PASSWORD, "role": "user"}
        account = (await admin.post("/api/v1/auths/add", body)).ok()
        return self._keep(Person(self.first.url, account["token"], account))

    async def close(self) -> None:
        for person in self._people:
            await person.close()
        for node in (self.first, self.second):
            await node.close()


@pytest.fixture
async def nodes(database: str, models: ModelServer, tmp_path: Path) -> AsyncIterator[Nodes]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        if database == "sqlite":
            await copy_sqlite(data_dir / "webui.db")
        prefix = f"test-{uuid.uuid4().hex}"
        env = {
            "DATABASE_URL": address,
            "REDIS_URL": REDIS,
            "REDIS_KEY_PREFIX": prefix,
            "OPENAI_API_BASE_URLS": f"{models.url}/v1",
            "OPENAI_API_KEYS": "k",
        }
        running = Nodes(ServerProcess(data_dir, env), ServerProcess(data_dir, env))
        try:
            await running.first.start()
            await running.second.start()
            yield running
        finally:
            await running.close()
            await delete_keys(REDIS, prefix)


@pytest.fixture
async def ada(nodes: Nodes) -> Person:
    return await nodes.first.sign_up("Ada")


async def expect_soon(read: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Check that a value is read within a second."""
    deadline = time.monotonic() + 1.0
    while (value := await read()) != expected:
        assert time.monotonic() < deadline, f"still {value!r} instead of {expected!r} after a second"
        await asyncio.sleep(0.02)


async def test_accounts_and_sessions(nodes: Nodes, ada: Person) -> None:
    bob = await nodes.add_user(ada, "Bob")
    away = nodes.at_second(bob)

    async def get_status() -> int:
        return (await away.get("/api/v1/auths/")).status

    async def get_session() -> Any:
        return (await away.get("/api/v1/auths/")).ok()

    assert (await get_session())["name"] == "Bob"
    # A name, a role and a permission.
    (await bob.post("/api/v1/auths/update/profile", {"name": "Robert", "profile_image_url": "/user.png"})).ok()
    assert (await bob.get("/api/v1/auths/")).ok()["name"] == "Robert"
    await expect_soon(lambda: _get_field(get_session, "name"), "Robert")
    form = {"name": "Staff", "description": "", "permissions": {"features": {"api_keys": True}}}
    group_id = (await ada.post("/api/v1/groups/create", form)).ok()["id"]
    (await ada.post(f"/api/v1/groups/id/{group_id}/users/add", {"user_ids": [bob.id]})).ok()

    async def has_api_keys() -> bool:
        return bool((await away.get("/api/v1/auths/")).ok()["permissions"]["features"]["api_keys"])

    await expect_soon(has_api_keys, True)
    (await ada.post(f"/api/v1/groups/id/{group_id}/users/remove", {"user_ids": [bob.id]})).ok()
    await expect_soon(has_api_keys, False)
    # A sign-out ends one session, a new password all of them.
    (await bob.post("/api/v1/auths/signout")).ok()
    await expect_soon(get_status, 401)
    away = nodes.at_second(Person("", (await nodes.sign_in(nodes.first.url, "bob@example.com")).ok()["token"]))
    assert await get_status() == 200
    form = {"role": "user", "name": "Bob", "email": "bob@example.com", "profile_image_url": "", "password": "another 1"}
    (await ada.post(f"/api/v1/users/{bob.id}/update", form)).ok()
    await expect_soon(get_status, 401)
    (await nodes.sign_in(nodes.second.url, "bob@example.com")).refused(400)
    away = nodes.at_second(
        Person("", (await nodes.sign_in(nodes.second.url, "bob@example.com", "another 1")).ok()["token"])
    )
    assert await get_status() == 200
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    await expect_soon(get_status, 401)


async def _get_field(read: Callable[[], Awaitable[Any]], name: str) -> Any:
    return (await read())[name]


async def test_settings(nodes: Nodes, ada: Person) -> None:
    away = nodes.at_second(ada)

    async def get_banners() -> list[str]:
        return [banner["content"] for banner in (await away.get("/api/v1/configs/banners")).ok()]

    async def is_signup_enabled() -> bool:
        return bool((await ada.get("/api/config")).ok()["features"]["enable_signup"])

    assert await get_banners() == []
    assert not await is_signup_enabled()
    banner = {"id": "b", "type": "info", "content": "Hello", "dismissible": True, "timestamp": 1}
    (await ada.post("/api/v1/configs/banners", {"banners": [banner]})).ok()
    assert [banner["content"] for banner in (await ada.get("/api/v1/configs/banners")).ok()] == ["Hello"]
    await expect_soon(get_banners, ["Hello"])
    settings = (await away.get("/api/v1/auths/admin/config")).ok()
    (await away.post("/api/v1/auths/admin/config", {**settings, "ENABLE_SIGNUP": True})).ok()
    await expect_soon(is_signup_enabled, True)
    assert await get_banners() == ["Hello"]


async def test_models(nodes: Nodes, ada: Person, models: ModelServer) -> None:
    bob = await nodes.add_user(ada, "Bob")
    away, bob_away = nodes.at_second(ada), nodes.at_second(bob)

    async def list_ids(person: Person) -> list[str]:
        return sorted(model["id"] for model in (await person.get("/api/models")).ok()["data"])

    assert await list_ids(ada) == await list_ids(away) == ["first"]
    assert models.counts["/v1/models"] == 1, "one process has asked the model server"
    assert await list_ids(bob_away) == []
    # A workspace model that everybody may use.
    model = {"id": "poet", "name": "Poet", "base_model_id": "first", "params": {}, "meta": {}}
    (await ada.post("/api/v1/models/create", {**model, "access_grants": EVERYBODY})).ok()
    base = {"id": "first", "name": "First", "params": {}, "meta": {}, "access_grants": EVERYBODY}
    (await ada.post("/api/v1/models/create", base)).ok()
    assert await list_ids(bob) == ["first", "poet"]
    await expect_soon(lambda: list_ids(bob_away), ["first", "poet"])
    (await ada.post("/api/v1/models/model/access/update", {"id": "poet", "access_grants": []})).ok()
    await expect_soon(lambda: list_ids(bob_away), ["first"])
    # A model that the server lists from now on, once the first process has asked for it.
    models.model_ids.append("second")
    assert "second" in [model["id"] for model in (await ada.get("/api/models", refresh=True)).ok()["data"]]
    count = models.counts["/v1/models"]
    await expect_soon(lambda: list_ids(away), ["first", "poet", "second"])
    assert models.counts["/v1/models"] == count, "the second process takes the list of the first"
    # Another connection.
    config = (await ada.get("/openai/config")).ok()
    urls = {"OPENAI_API_BASE_URLS": [f"{models.url}/other"], "OPENAI_API_CONFIGS": {"0": {"prefix_id": "other"}}}
    (await ada.post("/openai/config/update", {**config, **urls})).ok()
    await expect_soon(lambda: list_ids(away), ["other.first", "other.second", "poet"])
    assert models.counts["/other/models"] == 1


async def test_functions(nodes: Nodes, ada: Person) -> None:
    away = nodes.at_second(ada)
    form = {"id": "polite", "name": "Polite", "content": FILTER, "meta": {}}

    async def list_filters() -> list[str]:
        model = (await away.get("/api/models")).ok()["data"][0]
        return [entry["id"] for entry in model.get("filters") or ()]

    assert await list_filters() == []
    (await ada.post("/api/v1/functions/create", form)).ok()
    (await ada.post("/api/v1/functions/id/polite/toggle")).ok()
    (await ada.post("/api/v1/functions/id/polite/toggle/global")).ok()
    # The plugin process of the second one starts first.
    await wait_until(lambda: list_filters(), seconds=20)
    (await ada.post("/api/v1/functions/id/polite/toggle")).ok()
    await expect_soon(list_filters, [])


async def test_valves_of_functions(nodes: Nodes, ada: Person) -> None:
    away = nodes.at_second(ada)
    code = """
from pydantic import BaseModel

class Pipe:
    class Valves(BaseModel):
        word: str = "one"

    def __init__(self):
        self.valves = self.Valves()

    def pipes(self):
        return [{"id": self.valves.word, "name": self.valves.word}]

    def pipe(self, body):
        return self.valves.word
"""

    async def list_pipes() -> list[str]:
        entries = (await away.get("/api/models")).ok()["data"]
        return [entry["id"] for entry in entries if entry["id"].startswith("poet")]

    async def answer() -> str:
        body = {"model": "poet.two", "messages": [{"role": "user", "content": "Hello"}]}
        return str((await away.post("/api/chat/completions", body)).ok()["choices"][0]["message"]["content"])

    (await ada.post("/api/v1/functions/create", {"id": "poet", "name": "Poet", "content": code, "meta": {}})).ok()
    (await ada.post("/api/v1/functions/id/poet/toggle")).ok()
    await wait_until(list_pipes, seconds=20)
    assert await list_pipes() == ["poet.one"]
    (await ada.post("/api/v1/functions/id/poet/valves/update", {"word": "two"})).ok()
    await expect_soon(list_pipes, ["poet.two"])
    assert await answer() == "two"


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_packages_of_tools_where_each_has_its_own_directory(database: str, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    build_wheel(wheels, "fb-greeter", "1.0", {"fb_greeter.py": "GREETING = 'Good morning'"})
    directories = [tmp_path / "first" / "data", tmp_path / "second" / "data"]
    prefix = f"test-{uuid.uuid4().hex}"
    async with postgres_database() as address:
        env = {
            "DATABASE_URL": address,
            "REDIS_URL": REDIS,
            "REDIS_KEY_PREFIX": prefix,
            "PIP_PACKAGE_INDEX_OPTIONS": get_index_options(wheels),
        }
        for directory in directories:
            directory.mkdir(parents=True)
        running = Nodes(*(ServerProcess(directory, env) for directory in directories))
        try:
            await running.first.start()
            await running.second.start()
            ada = await running.first.sign_up("Ada")
            code = '"""\nrequirements: fb-greeter\n"""\nclass Tools:\n    def greet(self):\n        return 1\n'
            form = {"id": "greeter", "name": "Greeter", "content": code, "meta": {"description": ""}}
            (await ada.post("/api/v1/tools/create", form)).ok()
            assert (directories[0] / "fastback_plugins" / "fb_greeter.py").exists()
            # Installing takes a second or two; on a machine that others use, minutes.
            await wait_until((directories[1] / "fastback_plugins" / "fb_greeter.py").exists, seconds=150)
        finally:
            await running.close()
            await delete_keys(REDIS, prefix)


async def test_chats_and_sign_in_limits(nodes: Nodes, ada: Person) -> None:
    away = nodes.at_second(ada)
    assert (await away.get("/api/v1/chats/")).ok() == []
    chat = {"title": "Herons", "history": {"currentId": None, "messages": {}}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]

    async def list_titles() -> list[str]:
        return [entry["title"] for entry in (await away.get("/api/v1/chats/")).ok()]

    await expect_soon(list_titles, ["Herons"])
    (await ada.post(f"/api/v1/chats/{chat_id}", {"chat": {**chat, "title": "Storks"}})).ok()
    await expect_soon(list_titles, ["Storks"])

    async def search() -> list[str]:
        return [entry["title"] for entry in (await away.get("/api/v1/chats/search", text="storks")).ok()]

    await expect_soon(search, ["Storks"])
    (await ada.delete(f"/api/v1/chats/{chat_id}")).ok()
    await expect_soon(list_titles, [])
    # Attempts to sign in are counted together.
    urls = [nodes.first.url, nodes.second.url]
    attempts = [nodes.sign_in(urls[number % 2], "ada@example.com", "wrong") for number in range(14)]
    replies = await asyncio.gather(*attempts)
    replies += [await nodes.sign_in(urls[number % 2], "ada@example.com", "wrong") for number in range(2)]
    assert [reply.status for reply in replies] == [400] * 15 + [429]


async def test_one_process_reads_a_file(database: str, tmp_path: Path) -> None:
    """A process that lives keeps its files; those of one that has stopped are processed by another."""
    async with (
        run_extraction_engine() as engine,
        run_two_servers(database, tmp_path, **engine.variables) as (first, second),
    ):
        ada = await first.sign_up("Ada")
        file_id = (await send_file(ada, b"%PDF-1.4", "herons.pdf", "application/pdf")).ok()["id"]
        await wait_until(lambda: engine.count == 1)
        await second.services.get(FileProcessing).resume()
        await asyncio.sleep(0.2)
        assert engine.count == 1
        await first.services.get(FileProcessing).close()
        engine.may_answer.set()
        assert not await _has_status(ada, file_id, "completed")
        await second.services.get(FileProcessing).resume()
        await wait_until(lambda: _has_status(ada, file_id, "completed"))
        assert engine.count == 2
        # A file that is deleted in one process is processed in none.
        engine.may_answer.clear()
        file_id = (await send_file(ada, b"%PDF-1.5", "storks.pdf", "application/pdf")).ok()["id"]
        await wait_until(lambda: engine.count == 3)
        away = Person(second.url, ada.token, ada.account)
        second.people.append(away)
        (await away.delete(f"/api/v1/files/{file_id}")).ok()
        await wait_until(lambda: not first.services.get(FileProcessing)._running)


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
async def test_without_redis_each_process_goes_on_alone(database: str, tmp_path: Path) -> None:
    with run_redis(tmp_path) as redis:
        async with run_two_servers(database, tmp_path, REDIS_URL=redis.url) as (first, second):
            ada = await first.sign_up("Ada")
            away = Person(second.url, ada.token, ada.account)
            second.people.append(away)

            async def get_banners() -> list[str]:
                return [banner["content"] for banner in (await away.get("/api/v1/configs/banners")).ok()]

            assert await get_banners() == []
            redis.hang()
            begun = time.monotonic()
            form = {"email": ada.account["email"], "password": PASSWORD}
            for _ in range(10):
                (await first.stranger().post("/api/v1/auths/signin", form)).ok()
            assert time.monotonic() - begun < 10, "one request has waited for Redis, and not all"
            banner = {"id": "b", "type": "info", "content": "Hello", "dismissible": True, "timestamp": 1}
            (await ada.post("/api/v1/configs/banners", {"banners": [banner]})).ok()
            redis.stop()
            assert (await ada.get("/api/v1/configs/banners")).ok()[0]["content"] == "Hello"
            redis.start()
            # What was changed meanwhile is seen once both are connected again.
            await wait_until(lambda: _equals(get_banners, ["Hello"]), seconds=15)


async def _equals(read: Callable[[], Awaitable[Any]], expected: Any) -> bool:
    return bool(await read() == expected)


class ExtractionEngine:
    """Reads documents once it may answer."""

    def __init__(self) -> None:
        self.url = ""
        self.count = 0
        self.may_answer = asyncio.Event()

    @property
    def variables(self) -> dict[str, str]:
        return {
            "CONTENT_EXTRACTION_ENGINE": "external",
            "EXTERNAL_DOCUMENT_LOADER_URL": self.url,
            "EXTERNAL_DOCUMENT_LOADER_API_KEY": "k",
        }

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.count += 1
        await self.may_answer.wait()
        return web.json_response({"page_content": "Herons stand on one leg.", "metadata": {}})


@asynccontextmanager
async def run_extraction_engine() -> AsyncIterator[ExtractionEngine]:
    engine = ExtractionEngine()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", engine.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield engine
    engine.may_answer.set()
    await runner.cleanup()


@asynccontextmanager
async def run_two_servers(database: str, tmp_path: Path, **variables: str) -> AsyncIterator[tuple[Server, Server]]:
    """Run two servers in the process of the test."""
    prefix = f"test-{uuid.uuid4().hex}"
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {
            "DATABASE_URL": address,
            "REDIS_URL": REDIS,
            "REDIS_KEY_PREFIX": prefix,
            "ENABLE_OLLAMA_API": "false",
            "ENABLE_OPENAI_API": "false",
            "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
            **variables,
        }
        async with run_server(env, tmp_path, database) as first, run_server(env, tmp_path, database) as second:
            yield first, second
    await delete_keys(REDIS, prefix)


async def _has_status(person: Person, file_id: str, status: str) -> bool:
    return bool((await person.get(f"/api/v1/files/{file_id}")).ok()["data"].get("status") == status)
