"""Plays a scenario against a running server and brings back its normalised answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from parity.normalise import Normaliser
from parity.steps import NOTHING, PASSWORD, MissingValue, Scenario, Step, filled, picked

_TIMEOUT = aiohttp.ClientTimeout(total=60)
SECRET_KEY = "parity-secret-key-of-at-least-32-chars"
UPSTREAM_KEY = "upstream-key"
#: Names and roles; the first signs up and becomes administrator, the others are given their accounts.
CAST = (("ada", "admin"), ("bob", "user"), ("cy", "user"), ("pending", "pending"))
#: Seconds between two accounts of the cast, which are ordered by the second in which they were made.
BETWEEN_ACCOUNTS = 1.05

Wait = Callable[[float], Awaitable[None]]


def variables(upstream: str) -> dict[str, str]:
    """What either program is told by its environment; the rest is left at its default."""
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


@dataclass
class Player:
    """A client of one server through one scenario.

    Attributes:
        known: what steps may name, see `parity.steps`.
        wait: lets some seconds pass, by the server's clock at least.
    """

    url: str
    upstream: str
    normaliser: Normaliser
    known: dict[str, Any] = field(default_factory=dict)
    _session: aiohttp.ClientSession | None = None
    wait: Wait = asyncio.sleep

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def cast(self) -> None:
        """Ada signs up and becomes administrator; she makes accounts for the others."""
        body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        self._meet("ada", await self._asked("POST", "/api/v1/auths/signup", body))
        for name, role in CAST[1:]:
            await self.wait(BETWEEN_ACCOUNTS)
            email = f"{name}@example.com"
            body = {"name": name.title(), "email": email, "password": PASSWORD, "role": role}
            made = await self._asked("POST", "/api/v1/auths/add", body, self.known["ada.token"])
            self._meet(name, made)
        # Ids of the cast come first, so that what an answer leaves out does not shift them.
        self.normaliser.value([self.known[f"{name}.id"] for name, _ in CAST])

    async def play(self, step: Step) -> dict[str, Any]:
        """One step's normalised answer; what it saves is known from then on.

        Raises:
            MissingValue: an earlier step did not give what this one needs.
        """
        if step.pause:
            await self.wait(step.pause)
        headers = {name: filled(value, self.known) for name, value in step.headers.items()}
        headers.update(self._credentials(step))
        async with self.session.request(
            step.method,
            self.url + filled(step.path, self.known),
            params={key: _query(filled(value, self.known)) for key, value in step.query.items()},
            headers=headers,
            allow_redirects=False,
            **self._body(step),
        ) as response:
            body = await response.read()
            answer = self.normaliser.answer(response.status, response.headers, body, step.unordered)
        for name, path in step.save.items():
            try:
                self.known[name] = picked(json.loads(body), path)
            except (ValueError, MissingValue):
                self.known.pop(name, None)
        return answer

    def _credentials(self, step: Step) -> dict[str, str]:
        if step.who == "anonymous":
            return {}
        name = step.who.removeprefix("key:") if step.who.startswith("key:") else f"{step.who}.token"
        token = filled(f"${{{name}}}", self.known)
        return {"cookie": f"token={token}"} if step.cookie else {"authorization": f"Bearer {token}"}

    def _body(self, step: Step) -> dict[str, Any]:
        if step.raw is not None:
            return {"data": step.raw}
        if step.form is not None:
            form = aiohttp.FormData()
            for name, value in filled(step.form, self.known).items():
                if isinstance(value, list):
                    for filename, content, kind in value if isinstance(value[0], list) else [value]:
                        body = content if isinstance(content, bytes) else content.encode()
                        form.add_field(name, body, filename=filename, content_type=kind)
                else:
                    form.add_field(name, value)
            return {"data": form}
        return {} if step.json is NOTHING else {"json": filled(step.json, self.known)}

    def _meet(self, name: str, account: Any) -> None:
        self.known[f"{name}.id"] = account["id"]
        self.known[f"{name}.token"] = account["token"]

    async def _asked(self, method: str, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status == 200, f"{method} {path}: {response.status} {text[:300]}"
            return json.loads(text)


def _query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@asynccontextmanager
async def playing(
    scenario: Scenario, url: str, upstream: str, data_dir: str, *, wait: Wait = asyncio.sleep
) -> AsyncIterator[Player]:
    """A player who has met the cast, if the scenario has one."""
    places = [(url, "<server>"), (upstream, "<upstream>"), (data_dir, "<data>")]
    places.append((upstream.partition("://")[2], "<upstream>"))
    jar = aiohttp.DummyCookieJar()
    # A connection for each request, as a server that closes one after an error must not spoil the next.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=jar, connector=connector) as session:
        # What a scenario before this one did to the model server's models must not show here.
        await (await session.delete(f"{upstream}/_requests")).read()
        player = Player(url, upstream, Normaliser(places), {"upstream": upstream, "server": url}, session, wait)
        if scenario.cast:
            await player.cast()
        yield player
