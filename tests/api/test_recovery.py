"""Answers that a stopped process left unfinished: they end with the next start, or are stopped by their user."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from conftest import Person, Server, postgres_database, run_server
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from fastback.kit.db import Database
from waiting import wait_until

QUESTION = {"id": "q", "role": "user", "content": "Tell me", "parentId": None, "childrenIds": ["a"]}
ANSWER = {"id": "a", "role": "assistant", "content": "", "parentId": "q", "childrenIds": [], "done": False}
TEXT_ITEM = {
    "type": "message",
    "id": "msg_1",
    "status": "in_progress",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Once upon"}],
}
CALL_ITEM = {"type": "function_call", "id": "c", "call_id": "c", "name": "look", "arguments": "{}", "status": "pending"}


@asynccontextmanager
async def run_twice(database: str, tmp_path: Path) -> AsyncIterator[Any]:
    """Yield a function that runs a server on the same database each time."""
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {"DATABASE_URL": address, "WEBUI_SECRET_KEY": "k" * 40, "ENABLE_OLLAMA_API": "false"}
        yield lambda: run_server(env, tmp_path, database)


async def leave_unfinished(
    server: Server,
    person: Person,
    *,
    text: str = "",
    output: list[Any] | None = None,
    seconds: int = -10,
    statuses: list[Any] | None = None,
) -> str:
    """Create a chat whose answer is as a killed process leaves it: its text is in its row alone. Return the chat's id.

    `seconds` moves the time of the last write; it is in the future where the clock was ahead.
    """
    history = {"currentId": "a", "messages": {"q": QUESTION, "a": ANSWER}}
    chat_id = (await person.post("/api/v1/chats/new", {"chat": {"title": "Tale", "history": history}})).ok()["id"]
    await server.services.get(Database).execute(
        "test.cut_off",
        """UPDATE chat_message SET content = :content, output = :output, status_history = :statuses, done = FALSE,
               updated_at = updated_at + :seconds WHERE id = :id""",
        id=f"{chat_id}-a",
        content=json.dumps(text),
        output=None if output is None else json.dumps(output),
        statuses=None if statuses is None else json.dumps(statuses),
        seconds=seconds,
    )
    return str(chat_id)


async def read_answer(person: Person, chat_id: str) -> dict[str, Any]:
    return dict((await person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]["a"])


async def wait_for_end(person: Person, chat_id: str) -> dict[str, Any]:
    async def find_finished() -> dict[str, Any] | None:
        message = await read_answer(person, chat_id)
        return message if message["done"] else None

    return dict(await wait_until(find_finished))


async def read_row(server: Server, chat_id: str) -> tuple[Any, Any, bool]:
    """Return the text, the error and the end in the row of the answer."""
    db, row_id = server.services.get(Database), f"{chat_id}-a"
    content = await db.fetch_value("test.content", "SELECT content FROM chat_message WHERE id = :id", id=row_id)
    error = await db.fetch_value("test.error", "SELECT error FROM chat_message WHERE id = :id", id=row_id)
    done = await db.fetch_value("test.done", "SELECT done FROM chat_message WHERE id = :id", id=row_id)
    return json.loads(content or "null"), json.loads(error or "null"), bool(done)


@pytest.mark.parametrize(
    ("text", "output", "seconds"),
    [
        pytest.param("Once upon", [TEXT_ITEM], -10, id="text"),
        pytest.param("", None, -10, id="nothing"),
        pytest.param("", None, 0, id="nothing, in the second of the start"),
        pytest.param("Once upon", [TEXT_ITEM], 3600, id="a clock that was ahead"),
    ],
)
async def test_an_unfinished_answer_ends_with_the_next_start(
    database: str, tmp_path: Path, text: str, output: list[Any] | None, seconds: int
) -> None:
    async with run_twice(database, tmp_path) as run:
        async with run() as server:
            ada = await server.sign_up("Ada")
            statuses = [{"action": "web_search", "description": "Searching", "done": True}]
            chat_id = await leave_unfinished(server, ada, text=text, output=output, seconds=seconds, statuses=statuses)
        async with run() as server:
            same_person = Person(server.url, ada.token, ada.account)
            server.people.append(same_person)
            message = await wait_for_end(same_person, chat_id)
            assert (message["content"], message["error"]) == (text, INTERRUPTED)
            assert message.get("output") == (None if output is None else [{**TEXT_ITEM, "status": "incomplete"}])
            assert message["statusHistory"] == statuses
            assert await read_row(server, chat_id) == (text, INTERRUPTED, True)


async def test_an_answer_that_waits_for_a_decision_still_waits_after_the_next_start(
    database: str, tmp_path: Path
) -> None:
    async with run_twice(database, tmp_path) as run:
        async with run() as server:
            ada = await server.sign_up("Ada")
            waiting = await leave_unfinished(server, ada, output=[CALL_ITEM])
            interrupted = await leave_unfinished(server, ada)
        async with run() as server:
            same_person = Person(server.url, ada.token, ada.account)
            server.people.append(same_person)
            await wait_for_end(same_person, interrupted)
            assert (await read_answer(same_person, waiting))["done"] is False
            assert (await read_row(server, waiting))[2] is False


async def test_many_answers_are_recovered_and_those_of_deleted_chats_are_done(database: str, tmp_path: Path) -> None:
    async with run_twice(database, tmp_path) as run:
        async with run() as server:
            ada = await server.sign_up("Ada")
            chat_ids = [await leave_unfinished(server, ada) for _ in range(20)]
            db = server.services.get(Database)
            await db.execute("test.delete", "DELETE FROM chat WHERE id = :id", id=chat_ids[3])
        async with run() as server:
            db = server.services.get(Database)

            async def is_recovered() -> bool:
                count = await db.fetch_value("test.count", "SELECT count(*) FROM chat_message WHERE done = FALSE")
                return bool(count == 0)

            await wait_until(is_recovered, 10)


async def test_stopping_a_left_over_answer_keeps_its_text(server: Server, ada: Person) -> None:
    chat_id = await leave_unfinished(server, ada, text="Once upon", output=[TEXT_ITEM, CALL_ITEM])
    stopped = (await ada.post(f"/api/tasks/chat/{chat_id}/stop")).ok()
    assert stopped == {"status": True, "message": "Finalized pending approval message."}
    message = await read_answer(ada, chat_id)
    assert (message["content"], message["done"], message.get("error")) == ("Once upon", True, None)
    assert [item["status"] for item in message["output"]] == ["incomplete", "rejected"]
    assert await read_row(server, chat_id) == ("Once upon", None, True)
    assert (await ada.post(f"/api/tasks/chat/{chat_id}/stop")).ok()["message"] == "No tasks found."
