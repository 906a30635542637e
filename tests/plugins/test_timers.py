"""Timers: a model has its prompt come back into the chat, once, unless the user reads or asks before."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from automation_client import check_schedules
from builtin_calls import CHAT, list_offered
from conftest import Person, Server, postgres_database, run_server
from fastback.completions.automations.timers import TimerRefused, parse_due_time
from fastback.completions.turn_slots import TurnSlots
from fastback.kit.db import Database
from page_client import Page, open_page
from plugins.test_builtin_subagents import enable_subagents
from queued_model import MODEL_ID, QueuedModel, call_tools
from waiting import wait_until

SECOND = 10**9


class TimerRow(msgspec.Struct):
    meta: dict[str, Any]
    timer_at: int | None


async def set_timers(page: Page, model: QueuedModel, *timers: dict[str, Any]) -> tuple[str, list[str]]:
    """Ask in a new chat, where the model sets timers; return the chat's id and the results of the calls."""
    model.queue(call_tools(*[("timer", timer) for timer in timers]), "I will.")
    started = (await page.person.post(CHAT, page.build_body("Watch it", models=[MODEL_ID]))).ok()
    await page.wait_until_idle()
    done = await page.wait_for("chat:completion", lambda data: data.get("done"))
    page.events.clear()
    results = [item["output"][0]["text"] for item in done["output"] if item["type"] == "function_call_output"]
    return started["chat_id"], results


async def make_timers_due(server: Server) -> None:
    """Let all timers be due now, and start them."""
    db = server.services.get(Database)
    await db.execute("test.due", "UPDATE chat SET timer_at = 1 WHERE timer_at IS NOT NULL")
    await check_schedules(server)


async def list_timers(server: Server) -> list[dict[str, Any]]:
    """Return the metadata of all timers, with their `due_at`."""
    db = server.services.get(Database)
    text = "SELECT meta, timer_at FROM chat ORDER BY created_at, id"
    rows = await db.fetch_all(TimerRow, "test.timers", text)
    return [{**row.meta, "due_at": row.timer_at} for row in rows if row.meta.get("type") == "timer"]


async def read_messages(person: Person, chat_id: str) -> list[Any]:
    return list((await person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"].values())


async def test_a_timer_goes_off_once_in_its_chat(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    async with open_page(ada) as page:
        chat_id, (result,) = await set_timers(page, model, {"prompt": " Look again ", "at": "in 10 minutes"})
        assert result.startswith('{"status":"set","at":"') and result.endswith('"cancel_on":[]}')
        (timer,) = await list_timers(server)
        assert timer["status"] == "pending" and timer["parent_chat_id"] == chat_id
        assert abs(timer["due_at"] - time.time_ns() - 600 * SECOND) < 60 * SECOND
        assert [chat["id"] for chat in (await ada.get("/api/v1/chats/")).ok()] == [chat_id]
        model.queue("All is well.")
        await make_timers_due(server)
        await make_timers_due(server)
        await page.wait_for("chat:reload", lambda data: data is None)
        await page.wait_for("chat:completion", lambda data: data.get("done"))
    messages = await read_messages(ada, chat_id)
    assert [message["content"] for message in messages] == ["Watch it", "I will.", "Look again", "All is well."]
    question = messages[2]
    assert question["parentId"] == messages[1]["id"]
    assert {name: question["meta"][name] for name in ("internal", "type")} == {"internal": True, "type": "timer"}
    assert [message["content"] for message in model.requests[-1]["messages"]][-2:] == ["I will.", "Look again"]
    (timer,) = await wait_until_all(server, "completed")
    assert timer["due_at"] is None
    await check_schedules(server)
    assert len(await read_messages(ada, chat_id)) == 4
    (await ada.delete(f"/api/v1/chats/{chat_id}")).ok()
    assert await list_timers(server) == []


async def wait_until_all(server: Server, status: str) -> list[dict[str, Any]]:
    """Return the timers once all have a status."""

    async def find_timers() -> Any:
        timers = await list_timers(server)
        return timers if all(timer["status"] == status for timer in timers) else None

    return list(await wait_until(find_timers))


async def test_a_timer_of_seconds_goes_off_by_itself(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    async with open_page(ada) as page:
        chat_id, _ = await set_timers(page, model, {"prompt": "Now", "at": "1s"})
        await page.wait_for("chat:completion", lambda data: data.get("done"))
    assert len(await read_messages(ada, chat_id)) == 4


async def test_what_the_user_does_cancels_timers(server: Server, ada: Person, bob: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    events: list[list[str]] = [["chat.read"], ["chat.user_message"], []]
    async with open_page(ada) as page:
        timers = [{"prompt": str(number), "at": "1h", "cancel_on": cancel} for number, cancel in enumerate(events)]
        chat_id, _ = await set_timers(page, model, *timers)
        other_id, _ = await set_timers(page, model, {"prompt": "other", "at": "1h", "cancel_on": ["chat.read"]})
        assert other_id != chat_id

        async def list_states() -> dict[str, str]:
            timers = await list_timers(server)
            return {f"{timer['cancel_on']}{timer['parent_chat_id']}": timer["status"] for timer in timers}

        await page.socket.emit("events:chat", {"chat_id": chat_id, "data": {"type": "last_read_at"}})
        read = f"['chat.read']{chat_id}"

        async def is_cancelled() -> bool:
            return (await list_states())[read] == "cancelled"

        await wait_until(is_cancelled)
        assert sorted((await list_states()).values()) == ["cancelled", "pending", "pending", "pending"]
        last = (await page.get_chat(chat_id))["chat"]["history"]["currentId"]
        await page.ask("Hi", models=[MODEL_ID], chat_id=chat_id, parent_id=last)
        states = await list_states()
    assert states == {
        read: "cancelled",
        f"['chat.user_message']{chat_id}": "cancelled",
        f"[]{chat_id}": "pending",
        f"['chat.read']{other_id}": "pending",
    }
    cancelled = [timer for timer in await list_timers(server) if timer["status"] == "cancelled"]
    assert {timer["timer_cancelled_by"] for timer in cancelled} == {"chat.read", "chat.user_message"}
    assert all(timer["due_at"] is None for timer in cancelled)


async def test_a_timer_waits_until_its_chat_is_idle(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    may_answer = asyncio.Event()

    async def answer(request: Any) -> str:
        await may_answer.wait()
        return "Late."

    async with open_page(ada) as page:
        chat_id, _ = await set_timers(page, model, {"prompt": "Again", "at": "1h"})
        model.queue(answer, "Again it is.")
        last = (await page.get_chat(chat_id))["chat"]["history"]["currentId"]
        body = page.build_body("Slow", models=[MODEL_ID], chat_id=chat_id, parent_id=last)
        (await ada.post(CHAT, body)).ok()
        await make_timers_due(server)
        await asyncio.sleep(0.1)
        assert [timer["status"] for timer in await list_timers(server)] == ["pending"]
        may_answer.set()
        await page.wait_until_idle()
        await check_schedules(server)
        await wait_until_all(server, "completed")
        await page.wait_for("chat:completion", lambda data: data.get("output") and "Again it is." in str(data))
    contents = [message["content"] for message in await read_messages(ada, chat_id)]
    assert contents[-4:] == ["Slow", "Late.", "Again", "Again it is."]


async def test_a_model_reads_what_is_wrong(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    async with open_page(ada) as page:
        _, results = await set_timers(
            page,
            model,
            {"prompt": " ", "at": "1s"},
            {"prompt": "x", "at": "soon"},
            {"prompt": "x", "at": "2020-01-01T00:00:00Z"},
            {"prompt": "x", "at": "0s"},
            {"prompt": "x", "at": "1s", "cancel_on": ["chat.closed"]},
        )
    wrong_time = "at must be a relative time such as 10s or in 10 seconds, or an RFC 3339 timestamp with a timezone."
    assert results == [
        "Error: prompt must not be empty.",
        f"Error: {wrong_time}",
        "Error: at must be in the future.",
        "Error: at must be in the future.",
        "Error: cancel_on accepts only chat.read and chat.user_message.",
    ]
    assert await list_timers(server) == []


async def test_timers_are_offered_with_subagents(ada: Person, model: QueuedModel) -> None:
    assert "timer" not in await list_offered(ada, model)
    await enable_subagents(ada)
    names = await list_offered(ada, model)
    assert names[names.index("delegate_task") + 1] == "timer"
    assert "timer" not in await list_offered(ada, model, chat_id="local:x")


async def test_a_timer_without_its_model_says_so_in_the_chat(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    async with open_page(ada) as page:
        chat_id, _ = await set_timers(page, model, {"prompt": "Again", "at": "1h"})
        off = {"ENABLE_OPENAI_API": False, "OPENAI_API_BASE_URLS": [], "OPENAI_API_KEYS": [], "OPENAI_API_CONFIGS": {}}
        (await ada.post("/openai/config/update", off)).ok()
        await make_timers_due(server)
        (timer,) = await wait_until_all(server, "error")
    assert timer["timer_error"] == "Model not found"
    *_, question, answer = await read_messages(ada, chat_id)
    assert (question["content"], answer["error"], answer["done"]) == ("Again", {"content": "Model not found"}, True)


async def test_a_timer_waits_while_its_user_has_too_many_turns(
    server: Server, ada: Person, model: QueuedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enable_subagents(ada)
    async with open_page(ada) as page:
        chat_id, _ = await set_timers(page, model, {"prompt": "Again", "at": "1h"})
        slots = server.services.get(TurnSlots)
        monkeypatch.setattr(slots, "_per_user", 0)
        await make_timers_due(server)

        async def is_waiting() -> bool:
            (timer,) = await list_timers(server)
            return timer["status"] == "running" and timer["due_at"] > time.time_ns() + 60 * SECOND

        await wait_until(is_waiting)
        assert len(await read_messages(ada, chat_id)) == 2
        monkeypatch.undo()
        await make_timers_due(server)
        await wait_until_all(server, "completed")
        await page.wait_for("chat:completion", lambda data: data.get("done"))
    assert len(await read_messages(ada, chat_id)) == 4


async def test_a_killed_process_loses_no_timer_and_asks_none_twice(
    server: Server, ada: Person, model: QueuedModel
) -> None:
    await enable_subagents(ada)
    db = server.services.get(Database)
    async with open_page(ada) as page:
        chat_id, _ = await set_timers(page, model, {"prompt": "Again", "at": "1h"})
        text = "UPDATE chat SET meta = :meta WHERE timer_at IS NOT NULL"
        (timer,) = await list_timers(server)
        timer.pop("due_at")
        await db.execute("test.claimed", text, meta=json.dumps({**timer, "status": "running"}))
        await make_timers_due(server)
        await wait_until_all(server, "completed")
        await page.wait_for("chat:completion", lambda data: data.get("done"))
        # Killed after the prompt was asked, and before that was noted.
        restore = "UPDATE chat SET meta = :meta, timer_at = 1 WHERE title LIKE 'Timer:%'"
        await db.execute("test.again", restore, meta=json.dumps({**timer, "status": "running"}))
        await check_schedules(server)
        await wait_until_all(server, "completed")
    assert [message["content"] for message in await read_messages(ada, chat_id)].count("Again") == 1


async def test_two_processes_ask_a_timer_once(database: str, tmp_path: Path, model: QueuedModel) -> None:
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {"DATABASE_URL": address, **model.env}
        async with run_server(env, tmp_path, database) as first, run_server(env, tmp_path, database) as second:
            ada = await first.sign_up("Ada")
            await enable_subagents(ada)
            async with open_page(ada) as page:
                chat_id, _ = await set_timers(page, model, {"prompt": "Again", "at": "1h"})
                await asyncio.gather(make_timers_due(first), check_schedules(second), check_schedules(first))
                await wait_until_all(first, "completed")
            assert [message["content"] for message in await read_messages(ada, chat_id)].count("Again") == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_as_many_timers_wait_as_may(server: Server, ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    timers = [{"prompt": str(number), "at": "1h"} for number in range(101)]
    async with open_page(ada) as page:
        _, results = await set_timers(page, model, *timers)
    assert results[-1].startswith("Error: 100 timers are set already.")
    assert len(await list_timers(server)) == 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("10s", 10), ("+ 5m", None), ("+5m", 300), ("in 2 hours", 7200), ("1 day", 86_400), ("IN  3 MIN", 180)),
        *(("1w", None), ("1", None), ("-5s", None), ("99999999999s", None), ("2300-01-01T00:00:00Z", None)),
        *(("2099-01-01T00:00:00", None), ("2099-13-01T00:00:00Z", None), ("2099-01-01 00:00:00Z", None)),
    ],
)
def test_times_are_relative_or_have_a_zone(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(TimerRefused):
            parse_due_time(text)
    else:
        assert abs(parse_due_time(text) - time.time_ns() - seconds * SECOND) < SECOND


def test_a_timestamp_counts_in_its_zone() -> None:
    first, second = (parse_due_time(f"2099-01-01T0{text}") for text in ("0:00:00Z", "2:00:00.5+02:00"))
    assert second - first == SECOND // 2
