"""A client that receives events by socket, as the page does; measures the first token, and tokens per second."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, NamedTuple

import aiohttp
import msgspec
import socketio

from bench.servers import Running


class _Json:
    """A fast JSON module, as the client shares the machine with the measured server."""

    @staticmethod
    def dumps(value: Any, *args: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: Any, *args: Any, **kwargs: Any) -> Any:
        return msgspec.json.decode(text)


class Answer(NamedTuple):
    """An answer to a page; `first` and `end` are the times of its first text and of its end."""

    chat_id: str
    question_id: str
    message_id: str
    first: float
    end: float


class Tab:
    """One open page."""

    def __init__(
        self, server: Running, model: str = "demo-small", *, sockets: aiohttp.ClientSession | None = None
    ) -> None:
        """Take the connection of the socket from `sockets`, by default from a session of its own."""
        self._server = server
        self._model = model
        self._socket = socketio.AsyncClient(reconnection=False, json=_Json, http_session=sockets)
        self._waiting: dict[str, tuple[asyncio.Event, list[float]]] = {}
        self._socket.on("events", self._receive_event)

    async def open(self) -> None:
        await self._socket.connect(
            self._server.url,
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            auth={"token": self._server.token},
        )
        await self._socket.emit("user-join", {"auth": {"token": self._server.token}})
        await asyncio.sleep(0.3)

    async def close(self) -> None:
        await self._socket.disconnect()

    def _receive_event(self, event: dict[str, Any]) -> None:
        waiting = self._waiting.get(event.get("message_id") or "")
        if waiting is None:
            return
        done, times = waiting
        data = event["data"].get("data")
        kind = event["data"]["type"]
        if kind == "response:completion" and isinstance(data, dict) and str(data.get("type", "")).endswith(".delta"):
            if not times:
                times.append(time.perf_counter())
        elif (
            kind == "chat:completion" and isinstance(data, dict) and data.get("done")
        ) or kind == "chat:message:error":
            times.append(time.perf_counter())
            done.set()

    async def ask_question(self, session: aiohttp.ClientSession, tokens: int) -> tuple[float, float]:
        """Ask for this many tokens in a new chat; return the seconds until the first and until the end."""
        started = time.perf_counter()
        answer = await self.ask(session, f"Go [[tokens {tokens}]]")
        return answer.first - started, answer.end - started

    async def ask(
        self,
        session: aiohttp.ClientSession,
        text: str,
        chat_id: str | None = None,
        parent_id: str | None = None,
        **fields: Any,
    ) -> Answer:
        """Ask in a chat, by default a new one, and wait for the end of the answer; `fields` are those of the body."""
        question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        body = {
            "stream": True,
            "model": self._model,
            "params": {},
            "session_id": self._socket.get_sid(),
            "message_ids": [{"model_id": self._model, "message_id": answer_id, "modelIdx": 0}],
            "parent_id": parent_id,
            "user_message": {
                "id": question_id,
                "parentId": parent_id,
                "childrenIds": [answer_id],
                "role": "user",
                "content": text,
                "timestamp": int(time.time()),
                "models": [self._model],
            },
            "background_tasks": {},
            **fields,
        }
        if chat_id is not None:
            body["chat_id"] = chat_id
        done, times = asyncio.Event(), []
        self._waiting[answer_id] = (done, times)
        headers = {"authorization": f"Bearer {self._server.token}"}
        try:
            async with session.post(f"{self._server.url}/api/chat/completions", json=body, headers=headers) as response:
                reply = msgspec.json.decode(await response.read())
                if response.status != 200:
                    raise RuntimeError(f"a question was refused: {response.status} {reply}")
            await asyncio.wait_for(done.wait(), 300)
        finally:
            del self._waiting[answer_id]
        return Answer(reply["chat_id"], question_id, answer_id, times[0], times[-1])


async def measure_first_token(server: Running, times: int, model: str = "demo-small") -> list[float]:
    """Return the seconds until the first token of consecutive short answers."""
    tab = Tab(server, model)
    await tab.open()
    async with aiohttp.ClientSession() as session:
        await tab.ask_question(session, 5)
        delays = [(await tab.ask_question(session, 5))[0] for _ in range(times)]
    await tab.close()
    return delays


async def measure_throughput(server: Running, streams: int, tokens: int, model: str = "demo-small") -> float:
    """Return the tokens per second of all streams together."""
    tabs = [Tab(server, model) for _ in range(streams)]
    for tab in tabs:
        await tab.open()
    async with aiohttp.ClientSession() as session:
        started = time.perf_counter()
        await asyncio.gather(*(tab.ask_question(session, tokens) for tab in tabs))
        duration = time.perf_counter() - started
    for tab in tabs:
        await tab.close()
    return streams * tokens / duration


async def measure_direct_first_token(upstream: str, times: int) -> list[float]:
    """Return the seconds until the first token from the model server itself."""
    delays = []
    body = {"model": "demo-small", "stream": True, "messages": [{"role": "user", "content": "Go [[tokens 5]]"}]}
    async with aiohttp.ClientSession() as session:
        for _ in range(times + 1):
            started = time.perf_counter()
            async with session.post(f"{upstream}/v1/chat/completions", json=body) as response:
                while b"word0" not in await response.content.readany():
                    pass
                delays.append(time.perf_counter() - started)
                await response.read()
    return delays[1:]
