"""Clients that write down what the server has acknowledged, and check afterwards that nothing of it is lost."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import socketio

from conftest import Person
from page_client import Page
from waiting import wait_until

#: Seconds of an answer that a killed process may lose.
MOST_LOST = 1.0


class AnswerRecord:
    """What a page has received of one answer, and when."""

    def __init__(self, chat_id: str, message_id: str) -> None:
        self.chat_id = chat_id
        self.message_id = message_id
        self.pieces: list[tuple[float, str]] = []
        self.has_ended = False
        #: How many ends have come.
        self.end_count = 0
        #: The text that the end shows.
        self.final_text = ""
        self.error: Any = None

    @property
    def text(self) -> str:
        return "".join(piece for _, piece in self.pieces)

    def get_text_before(self, moment: float) -> str:
        """Return what had been received by a moment (of `time.monotonic`)."""
        return "".join(piece for received_at, piece in self.pieces if received_at <= moment)


def measure_loss(record: AnswerRecord, stored_text: str, killed_at: float) -> float:
    """Return how many seconds before the kill the first text came that is not stored; 0 where all is."""
    text = ""
    for received_at, piece in record.pieces:
        text += piece
        if received_at <= killed_at and not stored_text.startswith(text.strip()):
            return killed_at - received_at
    return 0.0


def read_output_text(output: list[Any]) -> str:
    """Return the text of the items of an answer."""
    parts = (part for item in output if item["type"] == "message" for part in item["content"])
    return "".join(part.get("text", "") for part in parts)


class AnswerRecorder:
    """A page that asks, and records what it receives."""

    def __init__(self, person: Person, socket: Any) -> None:
        self._page = Page(person, socket)
        self._pieces: dict[str, list[tuple[float, str]]] = {}
        self._records: dict[str, AnswerRecord] = {}
        socket.on("events", self._record)

    def _record(self, event: dict[str, Any]) -> None:
        kind, data = event["data"]["type"], event["data"].get("data")
        record = self._records.get(event.get("message_id") or "")
        if record is None or not isinstance(data, dict):
            return
        if kind == "response:completion" and data.get("type") == "response.output_text.delta":
            record.pieces.append((time.monotonic(), data["delta"]))
        elif kind == "chat:completion" and data.get("done"):
            record.has_ended, record.final_text = True, read_output_text(data.get("output") or [])
            record.end_count += 1
        elif kind == "chat:message:error":
            record.has_ended, record.error = True, data["error"]
            record.end_count += 1

    @property
    def is_connected(self) -> bool:
        """Whether the page has its socket."""
        return bool(self._page.socket.connected)

    async def ask(self, text: str, *, through: Person | None = None) -> AnswerRecord:
        """Ask in a new chat, and return the record of the answer once the question is acknowledged.

        `through`: a client of another process of the same installation, which gets the request.
        """
        body = self._page.build_body(text)
        record = self._records[body["id"]] = AnswerRecord("", body["id"])
        record.chat_id = (await (through or self._page.person).post("/api/chat/completions", body)).ok()["chat_id"]
        return record

    def follow(self, record: AnswerRecord) -> None:
        """Record an answer that another page has asked for from now on."""
        self._records[record.message_id] = record


@asynccontextmanager
async def open_recorder(person: Person) -> AsyncIterator[AnswerRecorder]:
    """Open a page; its server may end before it is closed."""
    socket = socketio.AsyncClient(reconnection=False)
    recorder = AnswerRecorder(person, socket)
    await socket.connect(
        person.url,
        socketio_path="/ws/socket.io",
        wait_timeout=10,
        transports=["websocket"],
        auth={"token": person.token},
    )
    await socket.call("user-join", {"auth": {"token": person.token}}, timeout=10)
    try:
        yield recorder
    finally:
        with suppress(Exception):
            await socket.disconnect()


@asynccontextmanager
async def record_socket_answer(person: Person, text: str) -> AsyncIterator[AnswerRecord]:
    """Ask over `/api/ws/chat`, and record the answer from its first message until the context ends.

    Its server may end before the context.
    """
    chat_id = (await person.post("/api/v1/chats/new", {"chat": {"title": "Socket"}})).ok()["id"]
    record = AnswerRecord(chat_id, str(uuid.uuid4()))
    metadata = {"chat_id": chat_id, "message_id": record.message_id}
    question = {"model": "demo-small", "messages": [{"role": "user", "content": text}], "metadata": metadata}
    async with person.http().ws_connect(f"{person.url}/api/ws/chat") as socket:
        await socket.send_json(question)
        has_begun = asyncio.Event()

        async def read_chunks() -> None:
            async for message in socket:
                has_begun.set()
                if message.data == "[DONE]":
                    record.has_ended = True
                    continue
                for choice in message.json().get("choices", ()):
                    record.pieces.append((time.monotonic(), choice["delta"].get("content") or ""))

        reading = asyncio.create_task(read_chunks())
        try:
            await asyncio.wait_for(has_begun.wait(), 30)
            yield record
        finally:
            reading.cancel()


class RecordWriter:
    """A client that writes chats, messages, notes and folders, one after the other, as long as the server runs."""

    def __init__(self, person: Person, *, pause: float = 0) -> None:
        """`pause`: seconds between two writes."""
        self._person = person
        self._pause = pause
        #: The acknowledged writes: the path that shows each, and the text that the response must hold.
        self.acknowledged: list[tuple[str, str]] = []

    async def run(self) -> None:
        """Write until cancelled; a write that fails was not acknowledged."""
        for number in itertools.count():
            word = f"word{number}-{uuid.uuid4().hex}"
            try:
                await (self._write_chat, self._write_note, self._write_folder)[number % 3](word)
            except (aiohttp.ClientError, AssertionError, OSError):
                await asyncio.sleep(0.05)
            await asyncio.sleep(self._pause)

    async def _write_chat(self, word: str) -> None:
        message = {"id": "q", "role": "user", "content": word, "parentId": None, "childrenIds": []}
        history = {"currentId": "q", "messages": {"q": message}}
        chat = (await self._person.post("/api/v1/chats/new", {"chat": {"title": word, "history": history}})).ok()
        path = f"/api/v1/chats/{chat['id']}"
        self.acknowledged.append((path, word))
        edited = f"{word}-edited"
        (await self._person.post(f"{path}/messages/q", {"content": edited})).ok()
        self.acknowledged.append((path, edited))

    async def _write_note(self, word: str) -> None:
        form = {"title": word, "data": {"content": {"md": word}}}
        note = (await self._person.post("/api/v1/notes/create", form)).ok()
        self.acknowledged.append((f"/api/v1/notes/{note['id']}", word))

    async def _write_folder(self, word: str) -> None:
        folder = (await self._person.post("/api/v1/folders/", {"name": word})).ok()
        self.acknowledged.append((f"/api/v1/folders/{folder['id']}", word))

    async def count_lost(self) -> int:
        """Return how many acknowledged writes the server does not show."""
        bodies = {path: (await self._person.get(path)).text for path in {path for path, _ in self.acknowledged}}
        return sum(word not in bodies[path] for path, word in self.acknowledged)


@asynccontextmanager
async def run_beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have a client work while the context is open."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def run_writer(person: Person) -> AsyncIterator[RecordWriter]:
    """Have a client write while the context is open."""
    writer = RecordWriter(person)
    async with run_beside(writer.run()):
        yield writer


async def read_answer(person: Person, record: AnswerRecord) -> dict[str, Any]:
    """Return the message of an answer as its chat has it."""
    chat = (await person.get(f"/api/v1/chats/{record.chat_id}")).ok()
    return dict(chat["chat"]["history"]["messages"][record.message_id])


async def wait_for_end(person: Person, record: AnswerRecord, seconds: float = 10) -> dict[str, Any]:
    """Return the message of an answer once it is done."""

    async def find_finished() -> dict[str, Any] | None:
        message = await read_answer(person, record)
        return message if message["done"] else None

    return dict(await wait_until(find_finished, seconds))
