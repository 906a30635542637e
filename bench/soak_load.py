"""The load of a long run: what several people and programs do at the same time, each in a loop with pauses.

Each client repeats its steps until the run ends. A step that fails is counted and reported, and the next one follows.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench import corpus
from bench.page_client import Tab
from bench.servers import PASSWORD, Running

PAGES, API_CLIENTS = 4, 3
#: Questions in one chat; then the page begins a new one.
_CHAT_LENGTH = 8
_LISTS = (
    "/api/v1/chats/?page=1",
    "/api/v1/chats/search?text=word",
    "/api/v1/chats/pinned",
    "/api/v1/folders/",
    "/api/v1/notes/",
    "/api/v1/files/",
    "/api/v1/knowledge/",
    "/api/v1/prompts/",
    "/api/v1/tools/",
    "/api/v1/users/?page=1",
    "/api/v1/models/list",
)
_SETTINGS = (
    "/api/config",
    "/api/models",
    "/api/v1/auths/",
    "/api/v1/auths/admin/config",
    "/api/v1/configs/banners",
    "/api/v1/retrieval/config",
    "/api/v1/tasks/config",
    "/api/v1/users/user/settings",
    "/openai/config",
)


class Load:
    """Every client of a run. `counts` are the steps of each kind, `failures` the errors of failed steps.

    Pauses are longer by the factor `slowness`. With `sockets` every other page connects its socket by that session, and
    the others by that of their requests; by default each page has a session of its own for it.
    """

    def __init__(
        self,
        server: Running,
        session: aiohttp.ClientSession,
        *,
        sockets: aiohttp.ClientSession | None = None,
        slowness: float = 1.0,
    ) -> None:
        self._server = server
        self._session = session
        self._sockets = sockets
        self._slowness = slowness
        self._knowledge_id = ""
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the decoded response; raise RuntimeError for another status than 200."""
        headers = {"authorization": f"Bearer {options.pop('token', self._server.token)}"}
        async with self._session.request(method, self._server.url + path, headers=headers, **options) as response:
            content = await response.read()
            if response.status != 200:
                raise RuntimeError(f"{method} {path.split('?')[0]}: {response.status} {content[:200]!r}")
            return await response.json() if response.content_type == "application/json" else content

    async def prepare(self) -> None:
        """Create the knowledge that documents are added to."""
        form = {"name": "Depots", "description": "Where the lots are"}
        self._knowledge_id = (await self.request("POST", "/api/v1/knowledge/create", json=form))["id"]

    async def run(self, seconds: float) -> None:
        """Run every client until the time is over, and close the pages."""
        until = time.monotonic() + seconds
        sockets = (None, None) if self._sockets is None else (self._session, self._sockets)
        pages = [PageClient(self, self._server, self._session, sockets=sockets[number % 2]) for number in range(PAGES)]
        clients: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            *(("page", 0.5, page.step) for page in pages),
            *(("chat over the API", 0.3, self._chat_over_api) for _ in range(API_CLIENTS)),
            ("lists", 0.2, self._read_lists),
            ("settings", 0.5, self._read_settings),
            ("upload", 3.0, self._upload_document),
            ("question to knowledge", 1.0, self._ask_knowledge),
            ("note", 1.0, self._edit_note),
            ("sign-in and -out", 40.0, self._sign_in_and_out),
        ]
        try:
            await asyncio.gather(*(self.repeat(name, pause, step, until) for name, pause, step in clients))
        finally:
            for page in pages:
                await page.close()

    async def repeat(self, name: str, pause: float, step: Callable[[], Awaitable[None]], until: float) -> None:
        """Take a step again and again; count those that succeed, and the failures."""
        while time.monotonic() < until:
            try:
                await asyncio.wait_for(step(), 60)
                self.counts[name] += 1
            except Exception as error:
                self.failures[f"{name}: {type(error).__name__} {error}"[:300]] += 1
            await asyncio.sleep(pause * self._slowness * random.uniform(0.5, 1.5))

    async def _chat_over_api(self) -> None:
        question = {"role": "user", "content": f"Go [[tokens {random.randint(20, 800)}]]"}
        body = {"model": "demo-small", "messages": [question], "stream": random.random() < 0.5}
        await self.request("POST", "/api/chat/completions", json=body)

    async def _read_lists(self) -> None:
        await self.request("GET", random.choice(_LISTS))

    async def _read_settings(self) -> None:
        await self.request("GET", random.choice(_SETTINGS))

    async def _upload_document(self) -> None:
        """Upload a document, wait until it is searchable, and add it to the knowledge."""
        number = random.randrange(10_000_000)
        form = aiohttp.FormData()
        content = corpus.make_document(number).encode()
        form.add_field("file", content, filename=f"lot-{number}.txt", content_type="text/plain")
        file_id = (await self.request("POST", "/api/v1/files/", data=form))["id"]
        for _ in range(200):
            if (await self.request("GET", f"/api/v1/files/{file_id}/process/status"))["status"] == "completed":
                break
            await asyncio.sleep(0.2)
        path = f"/api/v1/knowledge/{self._knowledge_id}/file/add"
        await self.request("POST", path, json={"file_id": file_id})

    async def _ask_knowledge(self) -> None:
        question = {"role": "user", "content": f"{corpus.make_question(random.randrange(10_000))} [[tokens 100]]"}
        files = [{"type": "collection", "id": self._knowledge_id, "name": "Depots"}]
        body = {"model": "demo-small", "messages": [question], "files": files, "stream": False}
        await self.request("POST", "/api/chat/completions", json=body)

    async def _edit_note(self) -> None:
        form = {"title": "Note", "data": {"content": {"md": "First"}}, "meta": None}
        note_id = (await self.request("POST", "/api/v1/notes/create", json=form))["id"]
        form = {"title": "Note", "data": {"content": {"md": "words " * 400}}}
        await self.request("POST", f"/api/v1/notes/{note_id}/update", json=form)
        await self.request("GET", f"/api/v1/notes/{note_id}")
        await self.request("DELETE", f"/api/v1/notes/{note_id}/delete")

    async def _sign_in_and_out(self) -> None:
        body = {"email": "bench@example.com", "password": PASSWORD}
        token = (await self.request("POST", "/api/v1/auths/signin", json=body))["token"]
        await self.request("GET", "/api/v1/auths/", token=token)
        await self.request("POST", "/api/v1/auths/signout", token=token)


class PageClient:
    """A person with one open page: asks, reads the chat, edits an answer, reloads, and begins new chats."""

    def __init__(
        self,
        load: Load,
        server: Running,
        session: aiohttp.ClientSession,
        *,
        sockets: aiohttp.ClientSession | None = None,
    ) -> None:
        self._load = load
        self._server = server
        self._session = session
        self._sockets = sockets
        self._tab: Tab | None = None
        self._chat_id: str | None = None
        self._last_message_id: str | None = None
        self._length = 0

    async def step(self) -> None:
        if self._tab is None or random.random() < 0.1:
            await self._reload()
        if self._length >= _CHAT_LENGTH:
            self._chat_id = self._last_message_id = None
            self._length = 0
        assert self._tab is not None
        text = f"{corpus.make_question(random.randrange(10_000))} [[tokens {random.randint(50, 1500)}]]"
        answer = await self._tab.ask(self._session, text, self._chat_id, self._last_message_id)
        self._chat_id, self._last_message_id = answer.chat_id, answer.message_id
        self._length += 1
        chat = await self._load.request("GET", f"/api/v1/chats/{self._chat_id}")
        if random.random() < 0.3:
            await self._load.request(
                "POST",
                f"/api/v1/chats/{self._chat_id}/messages/{self._last_message_id}",
                json={"content": "An edited answer. " * 20},
            )
        if random.random() < 0.3:
            document = {**chat["chat"], "title": f"Chat {random.randrange(1000)}"}
            await self._load.request("POST", f"/api/v1/chats/{self._chat_id}", json={"chat": document})

    async def _reload(self) -> None:
        """Close the page, and open it with the requests of its start."""
        await self.close()
        for path in ("/api/config", "/api/v1/auths/", "/api/models", "/api/v1/chats/?page=1", "/api/v1/folders/"):
            await self._load.request("GET", path)
        self._tab = Tab(self._server, sockets=self._sockets)
        await self._tab.open()

    async def close(self) -> None:
        if self._tab is not None:
            await self._tab.close()
            self._tab = None
