"""Clients of every node of an installation: they chat and write all the time, and note what was acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import msgspec
import socketio

from conftest import Person, Reply
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.node_processes import Installation
from faults.recorded_clients import (
    MOST_LOST,
    AnswerRecord,
    AnswerRecorder,
    RecordWriter,
    measure_loss,
    open_recorder,
    read_answer,
)
from waiting import wait_until

#: Seconds within which pages hear the end of every answer, and within which every answer has one.
END_SECONDS = 15
#: Seconds between two questions of a page.
_QUESTION_INTERVAL = 0.7
#: Tokens of each answer: two seconds.
_TOKENS = 40
_WHOLE_TEXT = " ".join(f"word{number}" for number in range(_TOKENS))
#: What a request raises that is not acknowledged.
FAILURES = (aiohttp.ClientError, AssertionError, OSError)


#: The detail of responses to requests that need space on a full disk.
FULL = "The disk of the server is full: nothing was saved. Please contact your administrator."


class WatchedPerson(Person):
    """A client that notes which of its requests the server has failed: 503 is a refusal where it says until when.

    Attributes:
        may_be_full: whether a disk of the server is full: then 507 with its text is a refusal, too.
        failures: the other responses of 500 and above.
        refused_paths: the paths of requests that were refused as a disk was full.
    """

    def __init__(self, url: str, token: str | None = None, account: Any = None) -> None:
        super().__init__(url, token, account)
        self.may_be_full = False
        self.failures: list[str] = []
        self.refused_paths: set[str] = set()

    async def request(self, method: str, path: str, **more: Any) -> Reply:
        reply = await super().request(method, path, **more)
        is_refusal = reply.status == 503 and int(reply.headers.get("retry-after", 0)) > 0
        if self.may_be_full and reply.status == 507 and reply.json == {"detail": FULL}:
            self.refused_paths.add(path)
        elif reply.status >= 500 and not is_refusal:
            self.failures.append(f"{method} {path}: {reply.status} {reply.text[:200]}")
        return reply


class LoadWriter(RecordWriter):
    """A writer that changes settings, too."""

    async def run(self) -> None:
        await asyncio.gather(super().run(), self._write_settings())

    async def _write_settings(self) -> None:
        for number in itertools.count():
            word = f"setting{number}-{uuid.uuid4().hex}"
            with suppress(*FAILURES):
                (await self._person.post("/api/v1/users/user/settings/update", {"ui": {word: True}})).ok()
                self.acknowledged.append(("/api/v1/users/user/settings", word))
            await asyncio.sleep(0.3)


class NodeLoad:
    """What the clients have done so far."""

    def __init__(self, people: list[WatchedPerson], stack: AsyncExitStack, *, pause: float, reopens: bool) -> None:
        """Keep pages open until `stack` is closed; with `reopens` a page that loses its socket is opened again."""
        self.people = people
        self.writers = [LoadWriter(person, pause=pause) for person in people]
        self._stack = stack
        self._reopens = reopens
        #: Every page that was opened, with the number of its node.
        self._pages: list[tuple[int, AnswerRecorder]] = []
        #: The answers, each with the page that has asked.
        self.records: list[tuple[AnswerRecorder, AnswerRecord]] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def lost_pages(self) -> list[int]:
        """The numbers of the nodes whose pages have lost their sockets, one for each page."""
        return [number for number, page in self._pages if not page.is_connected]

    async def begin(self) -> None:
        """Begin with a page of each node: it asks its own node and the next one in turn."""
        pages = [await self._open_page(number) for number in range(len(self.people))]
        work = [writer.run() for writer in self.writers]
        work += [self._keep_asking(number, page) for number, page in enumerate(pages)]
        self._tasks = [asyncio.create_task(coroutine) for coroutine in work]

    async def end(self) -> None:
        """Stop the clients. Pages still hear what comes."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _open_page(self, number: int) -> AnswerRecorder:
        page = await self._stack.enter_async_context(open_recorder(self.people[number]))
        self._pages.append((number, page))
        return page

    async def _keep_asking(self, number: int, page: AnswerRecorder) -> None:
        for count in itertools.count():
            if page.is_connected:
                await self._ask(page, self.people[(number + count) % len(self.people)])
            elif self._reopens:
                with suppress(socketio.exceptions.SocketIOError, *FAILURES):
                    page = await self._open_page(number)
                    continue
            else:
                return
            await asyncio.sleep(_QUESTION_INTERVAL)

    async def _ask(self, page: AnswerRecorder, through: Person) -> None:
        with suppress(*FAILURES):
            record = await page.ask(f"question-{uuid.uuid4().hex} [[tokens {_TOKENS}]]", through=through)
            self.records.append((page, record))

    # -- afterwards --------------------------------------------------------------------------------------------------

    async def require_consistency(self, reader: Person, *, dead: int | None = None) -> None:
        """Require that nothing acknowledged is lost, nothing is there twice, and every answer has an end.

        `dead`: the number of the node whose pages were cut off, so that they heard no end.
        """
        assert len(self.records) > 10 and all(len(writer.acknowledged) > 10 for writer in self.writers)
        assert self._reopens or set(self.lost_pages) <= {dead}
        await wait_until(lambda: not self._list_unended(), END_SECONDS)
        await wait_until(lambda: self._has_only_ended(reader), END_SECONDS)
        for _, record in self.records:
            message = await read_answer(reader, record)
            assert message.get("error") or message["content"] == _WHOLE_TEXT
            if record.has_ended and record.error is None:
                assert (message["content"], message.get("error")) == (record.final_text, None)
                assert record.end_count == 1
        await self._require_single(reader)
        for writer in self.writers:
            writer._person = reader
            assert await writer.count_lost() == 0
        assert [failure for person in self.people for failure in person.failures] == []
        print(f"{len(self.records)} answers, {sum(len(writer.acknowledged) for writer in self.writers)} writes")

    async def require_small_losses(self, reader: Person, killed_at: list[float]) -> int:
        """Require that answers cut off have lost little of what pages had received; return how many were cut off.

        `killed_at`: when a process was killed, each time.
        """
        losses = []
        for _, record in self.records:
            message = await read_answer(reader, record)
            if message.get("error") is None:
                continue
            assert message["error"] == INTERRUPTED
            # Its process was killed next after its last text, which may have been under way at that moment.
            received_at = record.pieces[-1][0] if record.pieces else 0
            moment = next(moment for moment in killed_at if moment > received_at - 0.5)
            losses.append(measure_loss(record, message["content"], moment))
        assert max(losses, default=0.0) <= MOST_LOST
        print(f"{len(losses)} answers cut off lost at most {max(losses, default=0.0):.2f} s")
        return len(losses)

    def _list_unended(self) -> list[str]:
        """List the answers whose end their page has not heard."""
        return [record.message_id for page, record in self.records if page.is_connected and not record.has_ended]

    async def _has_only_ended(self, reader: Person) -> bool:
        """Return whether every answer in every chat is done."""
        return all(
            message.get("done") is True
            for message in list_messages(await list_chats(reader))
            if message["role"] == "assistant"
        )

    async def _require_single(self, reader: Person) -> None:
        """Require that each question, note and folder is there once, and each question has one answer."""
        chats = await list_chats(reader)
        messages = list_messages(chats)
        texts = Counter(message["content"] for message in messages if message["role"] == "user")
        titles = Counter(note["title"] for note in (await reader.get("/api/v1/notes/")).ok())
        names = Counter(folder["name"] for folder in (await reader.get("/api/v1/folders/")).ok())
        for counter in (texts, titles, names):
            assert [(text, count) for text, count in counter.items() if count > 1] == []
        parents = Counter(message["parentId"] for message in messages if message["role"] == "assistant")
        assert all(count == 1 for count in parents.values())
        ids = {message["id"] for message in messages}
        assert [record.message_id for _, record in self.records if record.message_id not in ids] == []


async def list_chats(person: Person) -> list[Any]:
    """Return all chats of a person with their messages."""
    reply = await person.get("/api/v1/chats/all")
    assert reply.status == 200
    return list(msgspec.json.Decoder().decode_lines(reply.body))


def list_messages(chats: list[Any]) -> list[dict[str, Any]]:
    """Return the messages of chats."""
    return [
        {"id": message_id, **message}
        for chat in chats
        for message_id, message in (chat["chat"].get("history") or {}).get("messages", {}).items()
    ]


@asynccontextmanager
async def run_load(
    nodes: Installation, *, clients: int = 1, pause: float = 0, reopens: bool = False
) -> AsyncIterator[NodeLoad]:
    """Have clients of one user chat and write at every node while the context is open; their pages stay until then.

    `clients`: how many of each node; `pause`: seconds between two writes of each. With `reopens`, a page that loses its
    socket is opened again, as a user reloads it. The clients stop with `NodeLoad.end`.
    """
    async with AsyncExitStack() as stack:
        people = []
        for person in await nodes.sign_up():
            for _ in range(clients):
                watched = WatchedPerson(person.url, person.token, person.account)
                stack.push_async_callback(watched.close)
                people.append(watched)
        load = NodeLoad(people, stack, pause=pause, reopens=reopens)
        await load.begin()
        try:
            yield load
        finally:
            await load.end()
