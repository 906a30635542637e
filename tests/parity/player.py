"""Play a scenario against a running server and return its normalised answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from authenticator_app import AuthenticatorApp
from image_settings import run_all_engines
from ldap_server import LdapServer
from parity.normalise import Normaliser
from parity.steps import NOTHING, PASSWORD, MissingValue, Scenario, Step, fill_placeholders, read_path

_TIMEOUT = aiohttp.ClientTimeout(total=60)
SECRET_KEY = "parity-secret-key-of-at-least-32-chars"
UPSTREAM_KEY = "upstream-key"
#: Names and roles; the first signs up and becomes administrator, she creates the accounts of the others.
CAST = (("ada", "admin"), ("bob", "user"), ("cy", "user"), ("pending", "pending"))
#: Seconds between two accounts of the cast, which are ordered by the second of their creation.
BETWEEN_ACCOUNTS = 1.05

Wait = Callable[[float], Awaitable[None]]


def environment_variables(upstream: str) -> dict[str, str]:
    """Return the environment variables of either program; all others keep their defaults."""
    return {
        "WEBUI_SECRET_KEY": SECRET_KEY,
        "OPENAI_API_BASE_URLS": f"{upstream}/v1",
        "OPENAI_API_KEYS": UPSTREAM_KEY,
        "ENABLE_OLLAMA_API": "false",
        "OLLAMA_BASE_URLS": upstream,
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        "OFFLINE_MODE": "true",
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": UPSTREAM_KEY,
        "ENABLE_API_KEYS": "true",
    }


#: How often, and after how many seconds, a step with `until` is repeated.
_MAX_REPETITIONS, _REPETITION_SECONDS = 100, 0.1


def _has_path(body: bytes, path: str) -> bool:
    """Return whether JSON has a value at a path."""
    try:
        read_path(json.loads(body), path)
    except (ValueError, MissingValue):
        return False
    return True


@dataclass
class Player:
    """A client of one server for one scenario.

    Attributes:
        values: the values that steps may name, see `parity.steps`.
        wait: lets some seconds pass, at least on the server's clock.
    """

    url: str
    upstream: str
    normaliser: Normaliser
    values: dict[str, Any] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None
    wait: Wait = asyncio.sleep
    #: By key, the apps that have computed a code.
    _apps: dict[str, AuthenticatorApp] = field(default_factory=dict)

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def create_cast(self) -> None:
        """Sign Ada up as the administrator, and create the accounts of the others."""
        body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        self._save_account("ada", await self._request_json("POST", "/api/v1/auths/signup", body))
        for name, role in CAST[1:]:
            await self.wait(BETWEEN_ACCOUNTS)
            email = f"{name}@example.com"
            body = {"name": name.title(), "email": email, "password": PASSWORD, "role": role}
            account = await self._request_json("POST", "/api/v1/auths/add", body, self.values["ada.token"])
            self._save_account(name, account)
        # Number the ids of the cast first, so that an id missing from an answer does not shift them.
        self.normaliser.normalise_value([self.values[f"{name}.id"] for name, _ in CAST])

    async def play(self, step: Step) -> dict[str, Any]:
        """Send one step's request, save its values, and return its normalised answer.

        Raises:
            MissingValue: an earlier step did not save a value that this one needs.
        """
        if step.pause:
            await self.wait(step.pause)
        if step.code_of:
            key = fill_placeholders(f"${{{step.code_of}}}", self.values)
            self.values["code"] = self._apps.setdefault(key, AuthenticatorApp(key)).next_code()
        headers = {name: fill_placeholders(value, self.values) for name, value in step.headers.items()}
        headers.update(self._credentials(step))
        response, body = await self._send(step, headers)
        for _ in range(_MAX_REPETITIONS):
            if not step.until or _has_path(body, step.until):
                break
            await asyncio.sleep(_REPETITION_SECONDS)
            response, body = await self._send(step, headers)
        answer = self.normaliser.normalise_response(response.status, response.headers, body, step.unordered)
        for name, path in step.save.items():
            try:
                self.values[name] = read_path(json.loads(body), path)
            except (ValueError, MissingValue):
                self.values.pop(name, None)
        return answer

    async def _send(self, step: Step, headers: dict[str, str]) -> tuple[aiohttp.ClientResponse, bytes]:
        async with self.session.request(
            step.method,
            self.url + fill_placeholders(step.path, self.values),
            params={
                key: _format_query_value(fill_placeholders(value, self.values)) for key, value in step.query.items()
            },
            headers=headers,
            allow_redirects=False,
            **self._body(step),
        ) as response:
            return response, await response.read()

    def _credentials(self, step: Step) -> dict[str, str]:
        if step.who == "anonymous":
            return {}
        name = step.who.removeprefix("key:") if step.who.startswith("key:") else f"{step.who}.token"
        token = fill_placeholders(f"${{{name}}}", self.values)
        return {"cookie": f"token={token}"} if step.cookie else {"authorization": f"Bearer {token}"}

    def _body(self, step: Step) -> dict[str, Any]:
        if step.raw is not None:
            return {"data": step.raw}
        if step.form is not None:
            form = aiohttp.FormData()
            for name, value in fill_placeholders(step.form, self.values).items():
                if isinstance(value, list):
                    for filename, content, content_type in value if isinstance(value[0], list) else [value]:
                        body = content if isinstance(content, bytes) else content.encode()
                        form.add_field(name, body, filename=filename, content_type=content_type)
                else:
                    form.add_field(name, value)
            return {"data": form}
        return {} if step.json is NOTHING else {"json": fill_placeholders(step.json, self.values)}

    def _save_account(self, name: str, account: Any) -> None:
        self.values[f"{name}.id"] = account["id"]
        self.values[f"{name}.token"] = account["token"]

    async def _request_json(self, method: str, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status == 200, f"{method} {path}: {response.status} {text[:300]}"
            return json.loads(text)


def _format_query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@asynccontextmanager
async def open_player(
    scenario: Scenario,
    url: str,
    upstream: str,
    data_dir: str,
    *,
    wait: Wait = asyncio.sleep,
    directory: LdapServer | None = None,
) -> AsyncIterator[Player]:
    """Yield a player; create the accounts of the cast, if the scenario has one."""
    addresses = {} if directory is None else directory.list_addresses()
    async with AsyncExitStack() as engines:
        if scenario.needs_engines:
            addresses |= await engines.enter_async_context(run_all_engines())
        async with _open_player(scenario, url, upstream, data_dir, wait=wait, addresses=addresses) as player:
            yield player


@asynccontextmanager
async def _open_player(
    scenario: Scenario, url: str, upstream: str, data_dir: str, *, wait: Wait, addresses: dict[str, str]
) -> AsyncIterator[Player]:
    replacements = [(url, "<server>"), (upstream, "<upstream>"), (data_dir, "<data>")]
    replacements.append((upstream.partition("://")[2], "<upstream>"))
    replacements += [(address, f"<{name}>") for name, address in addresses.items()]
    jar = aiohttp.DummyCookieJar()
    # Open a connection for each request: a server that closes one after an error must not disturb the next request.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=jar, connector=connector) as session:
        # Undo the changes that an earlier scenario made to the models of the model server.
        await (await session.delete(f"{upstream}/_requests")).read()
        player = Player(
            url, upstream, Normaliser(replacements), {"upstream": upstream, "server": url, **addresses}, session, wait
        )
        if scenario.cast:
            await player.create_cast()
        yield player
