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

from conftest import Person, Reply
from faults.node_processes import Installation
from faults.recorded_clients import AnswerRecord, AnswerRecorder, RecordWriter, open_recorder, read_answer
from waiting import wait_until

#: Seconds within which pages hear the end of every answer, and within which every answer has one.
END_SECONDS = 15
#: Seconds between two questions of a page.
_QUESTION_INTERVAL = 0.7
_FAILURES = (aiohttp.ClientError, AssertionError, OSError)


class WatchedPerson(Person):
    """A client that notes which of its requests the server has failed: 503 is a refusal where it says until when."""

    def __init__(self, url: str, token: str | None = None, account: Any = None) -> None:
        super().__init__(url, token, account)
        self.failures: list[str] = []

    async def request(self, method: str, path: str, **more: Any) -> Reply:
        reply = await super().request(method, path, **more)
        is_refusal = reply.status == 503 and int(reply.headers.get("retry-after", 0)) > 0
        if reply.status >= 500 and not is_refusal:
            self.failures.append(f"{method} {path}: {reply.status} {reply.text[:200]}")
        return reply


class LoadWriter(RecordWriter):
    """A writer that changes settings, too."""

    async def run(self) -> None:
        await asyncio.gather(super().run(), self._write_settings())

    async def _write_settings(self) -> None:
        for number in itertools.count():
            word = f"setting{number}-{uuid.uuid4().hex}"
            with suppress(*_FAILURES):
                (await self._person.post("/api/v1/users/user/settings/update", {"ui": {word: True}})).ok()
                self.acknowledged.append(("/api/v1/users/user/settings", word))
            await asyncio.sleep(0.3)


class NodeLoad:
    """What the clients have done so far."""

    def __init__(self, people: list[WatchedPerson]) -> None:
        self.people = people
        self.writers = [LoadWriter(person) for person in people]
        #: The answers by the number of the node whose page has asked, and that of the node that got the request.
        self.records: list[tuple[int, int, AnswerRecord]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, pages: list[AnswerRecorder]) -> None:
        """Begin with a page of each node: it asks its own node and the next one in turn."""
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

    async def _keep_asking(self, page_number: int, page: AnswerRecorder) -> None:
        for count in itertools.count():
            if not page.is_connected:
                return
            node_number = (page_number + count) % len(self.people)
            with suppress(*_FAILURES):
                text = f"question-{uuid.uuid4().hex} [[tokens 40]]"
                record = await page.ask(text, through=self.people[node_number])
                self.records.append((page_number, node_number, record))
            await asyncio.sleep(_QUESTION_INTERVAL)

    # -- afterwards --------------------------------------------------------------------------------------------------

    async def require_consistency(self, reader: Person, *, dead: int | None = None) -> None:
        """Require that nothing acknowledged is lost, nothing is there twice, and every answer has an end.

        `dead`: the number of the node whose pages were cut off, so that they heard no end.
        """
        assert len(self.records) > 10 and all(len(writer.acknowledged) > 10 for writer in self.writers)
        await wait_until(lambda: not self._list_unended(dead), END_SECONDS)
        await wait_until(lambda: self._has_only_ended(reader), END_SECONDS)
        for _, _, record in self.records:
            message = await read_answer(reader, record)
            if record.has_ended and record.error is None:
                assert (message["content"], message.get("error")) == (record.final_text, None)
                assert record.end_count == 1
        await self._require_single(reader)
        for writer in self.writers:
            writer._person = reader
            assert await writer.count_lost() == 0
        assert [failure for person in self.people for failure in person.failures] == []
        print(f"{len(self.records)} answers, {sum(len(writer.acknowledged) for writer in self.writers)} writes")

    def _list_unended(self, dead: int | None) -> list[str]:
        """List the answers whose end their page has not heard."""
        return [record.message_id for page, _, record in self.records if page != dead and not record.has_ended]

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
        assert [record.message_id for _, _, record in self.records if record.message_id not in ids] == []


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
async def run_load(nodes: Installation) -> AsyncIterator[NodeLoad]:
    """Have clients of one user chat and write at every node while the context is open; their pages stay until then.

    The clients stop with `NodeLoad.end`.
    """
    async with AsyncExitStack() as stack:
        people = []
        for person in await nodes.sign_up():
            watched = WatchedPerson(person.url, person.token, person.account)
            stack.push_async_callback(watched.close)
            people.append(watched)
        load = NodeLoad(people)
        pages = [await stack.enter_async_context(open_recorder(person)) for person in people]
        load.begin(pages)
        try:
            yield load
        finally:
            await load.end()
