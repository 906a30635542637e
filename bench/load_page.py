"""One page of the load proof: it keeps a socket open, reconnects as browsers do, and may ask questions.

It speaks the protocol of sockets itself and decodes only messages of its own answer, so that it takes little of the
machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from typing import Any

import aiohttp

#: Seconds that an answer may take, and after which a page that has lost its socket looks for the answer in its chat.
_ANSWER_SECONDS, _LOOK_SECONDS = 60.0, 1.0
#: Seconds before a page connects again, as the client of Socket.IO waits at first.
_RECONNECT_SECONDS = (0.5, 1.5)
_MODEL = "demo-small"


class LoadFigures:
    """What all pages have seen. `failures` are requests that got an error; `asked` has the chats with their answers."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.first_tokens: list[float] = []
        self.asked: list[tuple[LoadPage, str, str]] = []
        self.tokens = 0
        self.reconnections = 0
        self.refused_connections = 0
        self.open_pages = 0


class LoadPage:
    """A page of the user with this token, at the address of an origin server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, figures: LoadFigures) -> None:
        self._session = session
        self._url = url
        self._token = token
        self._figures = figures
        self._session_id = ""
        self._is_closing = False
        self._answer_id = "-"
        self._has_ended = asyncio.Event()
        self._started = 0.0
        self._has_first_token = False
        self._losses = 0
        self.is_open = asyncio.Event()

    async def run(self, limit: asyncio.Semaphore) -> None:
        """Keep a socket open until `close` is called."""
        while not self._is_closing:
            try:
                await self._connect_and_receive(limit)
            except (aiohttp.ClientError, OSError, TimeoutError, TypeError, ValueError):
                self._figures.refused_connections += not self._is_closing
            if self.is_open.is_set():
                self.is_open.clear()
                self._figures.open_pages -= 1
                self._losses += 1
                self._figures.reconnections += not self._is_closing
            if not self._is_closing:
                await asyncio.sleep(random.uniform(*_RECONNECT_SECONDS))

    async def _connect_and_receive(self, limit: asyncio.Semaphore) -> None:
        address = f"{self._url}/ws/socket.io/?transport=websocket&EIO=4"
        async with limit:
            async with asyncio.timeout(30):
                websocket = await self._session.ws_connect(address, max_msg_size=0)
                await websocket.receive_str()
                await websocket.send_str(f"40{json.dumps({'token': self._token})}")
                self._session_id = json.loads((await websocket.receive_str())[2:])["sid"]
                await websocket.send_str(f"420{json.dumps(['user-join', {'auth': {'token': self._token}}])}")
                while not (await websocket.receive_str()).startswith("430"):
                    pass
        self._figures.open_pages += 1
        self.is_open.set()
        async for frame in websocket:
            packet = str(frame.data)
            if packet == "2":
                await websocket.send_str("3")
            elif self._answer_id in packet:
                self._receive_event(packet)

    def _receive_event(self, packet: str) -> None:
        if not packet.startswith("42"):
            return
        event = json.loads(packet[2:])[1]
        kind, data = event["data"]["type"], event["data"].get("data")
        if not isinstance(data, dict) or event.get("message_id") != self._answer_id:
            return
        if kind == "response:completion" and str(data.get("type", "")).endswith(".delta"):
            if not self._has_first_token:
                self._has_first_token = True
                self._figures.first_tokens.append(time.perf_counter() - self._started)
        elif (kind == "chat:completion" and data.get("done")) or kind == "chat:message:error":
            self._has_ended.set()

    async def ask(self, tokens: int) -> None:
        """Ask in a new chat, and wait until the answer is complete, over the socket or in the stored chat."""
        question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._answer_id, self._has_first_token = answer_id, False
        self._has_ended.clear()
        losses, was_open = self._losses, self.is_open.is_set()
        body = {
            "stream": True,
            "model": _MODEL,
            "params": {},
            "session_id": self._session_id,
            "id": answer_id,
            "message_ids": [{"model_id": _MODEL, "message_id": answer_id, "modelIdx": 0}],
            "parent_id": None,
            "user_message": {
                "id": question_id,
                "parentId": None,
                "childrenIds": [answer_id],
                "role": "user",
                "content": f"Go [[tokens {tokens}]]",
                "timestamp": int(time.time()),
                "models": [_MODEL],
            },
            "background_tasks": {},
        }
        self._started = time.perf_counter()
        reply = await self.request("POST", "/api/chat/completions", body)
        if reply is None:
            await asyncio.sleep(0.5)
            return
        chat_id = reply["chat_id"]
        self._figures.asked.append((self, chat_id, answer_id))
        until = time.monotonic() + _ANSWER_SECONDS
        while not self._has_ended.is_set() and time.monotonic() < until:
            try:
                await asyncio.wait_for(self._has_ended.wait(), _LOOK_SECONDS)
            except TimeoutError:
                # A page that was disconnected reads the chat when it is connected again.
                has_missed = self._losses != losses or not was_open
                if has_missed and await self._is_stored(chat_id, answer_id):
                    break
        else:
            if not self._has_ended.is_set():
                where = "in its chat" if await self._is_stored(chat_id, answer_id) else "nowhere"
                self._figures.failures[f"a page did not hear of the end of an answer, which is {where}"] += 1
                return
        self._figures.tokens += tokens

    async def _is_stored(self, chat_id: str, answer_id: str) -> bool:
        chat = await self.request("GET", f"/api/v1/chats/{chat_id}")
        return chat is not None and bool(chat["chat"]["history"]["messages"][answer_id].get("done"))

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return the decoded response; None after a failure, which is counted.

        A GET that fails is sent once more, as browsers and proxies may; a POST is not.
        """
        failure = ""
        for _ in range(2 if method == "GET" else 1):
            headers = {"authorization": f"Bearer {self._token}"}
            try:
                async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
                    content = await response.read()
                    if response.status == 200:
                        return json.loads(content)
                    failure = f"{response.status} {content[:120]!r}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                failure = f"{type(error).__name__} {error}"
        self._figures.failures[f"{method} {'/'.join(path.split('/')[:4])}: {failure}"] += 1
        return None

    def close(self) -> None:
        """Connect no more once the socket is closed."""
        self._is_closing = True
