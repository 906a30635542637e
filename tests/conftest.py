"""Fixtures of all tests: a running server on a real socket, for each database; its users; a model server behind it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import socket
import time
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import msgspec
import pytest
import uvicorn

import inspection_cache
from fastback import app
from fastback.demo.process import run_demo_server
from fastback.kit.http.bounded_http_protocol import BoundedHttpProtocol
from fastback.kit.http.websocket_protocol import WebSocketProtocol
from fastback.settings import Environment, Settings, ensure_secret_key, load_settings
from ldap_server import MISSING, LdapServer, run_ldap_server
from moving_clock import MovingClock
from prepared_database import POSTGRES, begin_run, copy_sqlite, end_run, postgres_database
from stoppable_server import StoppableServer

REDIS = os.environ.get("FASTBACK_TEST_REDIS", "")
PASSWORD = "correct horse battery"


def pytest_configure() -> None:
    begin_run()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes for `-n auto`: one more than cores, as tests wait for databases and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist; other workers may still run
        end_run()


class Reply:
    """A response with its complete body."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def ok(self) -> Any:
        """Return the JSON body; fail unless the status is 200."""
        assert self.status == 200, f"{self.status}: {self.text[:500]}"
        return self.json

    def refused(self, status: int, detail: Any = None) -> Any:
        """Return the `detail` of an error response; fail unless its status is `status` (and its detail `detail`)."""
        assert self.status == status, f"{self.status} instead of {status}: {self.text[:500]}"
        actual = self.json["detail"]
        if detail is not None:
            assert actual == detail
        return actual


class Person:
    """A client that is signed in as one user; `token` is None where no user is signed in."""

    def __init__(self, url: str, token: str | None = None, account: Any = None) -> None:
        self.url = url
        self.token = token
        self.account = account or {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def id(self) -> str:
        return str(self.account["id"])

    def http(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
            self._session = aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Reply:
        params = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()}
        async with self.http().request(
            method, self.url + path, json=json, data=data, params=params, headers=headers, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.request("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.request("POST", path, json=json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.request("PUT", path, json=json, **more)

    async def patch(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.request("PATCH", path, json=json, **more)

    async def delete(self, path: str, json: Any = None, **more: Any) -> Reply:
        return await self.request("DELETE", path, json=json, **more)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Server:
    """A running Fastback."""

    def __init__(self, url: str, services: Any, database: str, data_dir: Path) -> None:
        self.url = url
        self.services = services
        self.database = database
        self.data_dir = data_dir
        self.people: list[Person] = []

    def stranger(self) -> Person:
        """Return a client that is not signed in."""
        person = Person(self.url)
        self.people.append(person)
        return person

    async def sign_up(self, name: str, email: str | None = None) -> Person:
        """Sign a user up. After the first user, an administrator must approve each account."""
        body = {"name": name, "email": email or f"{name.lower()}@example.com", "password": PASSWORD}
        account = (await self.stranger().post("/api/v1/auths/signup", body)).ok()
        person = Person(self.url, account["token"], account)
        self.people.append(person)
        return person

    async def add_user(self, admin: Person, name: str, role: str = "user") -> Person:
        """Create an account as an administrator."""
        body = {"name": name, "email": f"{name.lower()}@example.com", "password": PASSWORD, "role": role}
        account = (await admin.post("/api/v1/auths/add", body)).ok()
        person = Person(self.url, account["token"], account)
        self.people.append(person)
        return person


def _open_listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY then
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    return listener


def _starts_without_database(settings: Settings) -> bool:
    """Return whether a start creates a SQLite database in the data directory; elsewhere the server creates its own."""
    path = settings.data_path / "webui.db"
    return settings.database_url == f"sqlite:///{path}" and not path.exists()


@asynccontextmanager
async def run_server(env: dict[str, str], data_dir: Path, database: str) -> AsyncIterator[Server]:
    """Run a server with these environment variables, and stop it at the end."""
    variables = {"DATA_DIR": str(data_dir), "WEBUI_SECRET_KEY": "tests-secret-key-of-at-least-32-chars", **env}
    environment = Environment(variables)
    settings = ensure_secret_key(load_settings(environment))
    if _starts_without_database(settings):
        await copy_sqlite(settings.data_path / "webui.db")
    listener = _open_listener()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with app.run_services(settings, environment) as services:
        config = uvicorn.Config(
            app.build_asgi(services),
            lifespan="off",
            log_config=None,
            access_log=False,
            http=BoundedHttpProtocol,
            ws=WebSocketProtocol,
            loop="none",
        )
        uvicorn_server = StoppableServer(config)
        task = asyncio.create_task(uvicorn_server.serve(sockets=[listener]))
        while not uvicorn_server.started:  # noqa: ASYNC110 (uvicorn offers nothing to wait for)
            await asyncio.sleep(0.005)
        server = Server(url, services, database, data_dir)
        try:
            yield server
        finally:
            for person in server.people:
                await person.close()
            uvicorn_server.stop()
            await task


@pytest.fixture(autouse=True, scope="session")
def cheap_hashes() -> Iterator[None]:
    """Weaken password hashes: tests create thousands of accounts, and a hash of full strength takes 0.25 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastback.access.passwords.bcrypt.gensalt", functools.partial(bcrypt.gensalt, 4))
        yield


@pytest.fixture(autouse=True, scope="session")
def inspect_handlers_once() -> Iterator[None]:
    """Inspect handlers once: each server reads the annotations and signatures of six hundred unchanging handlers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typing, "get_type_hints", inspection_cache.get_type_hints)
        patch.setattr(inspect, "signature", inspection_cache.signature)
        yield


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """Run a model server, and yield its address (OpenAI's protocol below /v1, Ollama's at its root)."""
    with run_demo_server() as url:
        yield url


@pytest.fixture(scope="session")
def directory() -> Iterator[LdapServer]:
    """Run an LDAP server with some people and groups."""
    if MISSING:
        pytest.skip(MISSING)
    with run_ldap_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """Run each test on both databases."""
    if request.param == "postgres" and not POSTGRES:
        pytest.skip("FASTBACK_TEST_POSTGRES names no server")
    return str(request.param)


@pytest.fixture
def environment() -> dict[str, str]:
    """Return environment variables of the server under test; test modules may override this fixture."""
    return {}


@pytest.fixture
async def server(database: str, upstream: str, environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Server]:
    """Run a fresh server without users, connected to the model server."""
    env = {
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": "upstream-key",
        "ENABLE_OLLAMA_API": "false",
        **environment,
    }
    if database == "postgres":
        async with postgres_database() as url, run_server({"DATABASE_URL": url, **env}, tmp_path, database) as running:
            yield running
    else:
        async with run_server(env, tmp_path, database) as running:
            yield running


@pytest.fixture
async def ada(server: Server) -> Person:
    """Return the administrator: the first user who signed up."""
    return await server.sign_up("Ada")


@pytest.fixture
async def bob(server: Server, ada: Person) -> Person:
    """Return a user."""
    return await server.add_user(ada, "Bob")


@pytest.fixture
async def cy(server: Server, ada: Person) -> Person:
    """Return another user."""
    return await server.add_user(ada, "Cy")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    """Put a clock that tests move forward in place of the process's own."""
    clock = MovingClock()
    monkeypatch.setattr(time, "time", clock.time)
    return clock


@pytest.fixture
def anonymous(server: Server) -> Person:
    """Return a client that is not signed in."""
    return server.stranger()


@pytest.fixture
def start_server(tmp_path: Path, upstream: str) -> Callable[..., Any]:
    """Return a function that runs a server with the given environment variables, connected to the model server."""

    def start(**env: str) -> Any:
        variables = {
            "OPENAI_API_BASE_URLS": f"{upstream}/v1",
            "OPENAI_API_KEYS": "k",
            "ENABLE_OLLAMA_API": "false",
            **env,
        }
        return run_server(variables, tmp_path, "sqlite")

    return start


@pytest.fixture
async def open_models(ada: Person) -> None:
    """Let every user use the model, which reports its usage."""
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    meta = {"capabilities": {"usage": True}}
    model = {"id": "demo-small", "name": "Small", "params": {}, "meta": meta, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", model)).ok()
