"""Runs of automations: chats and channels that answer by themselves, exactly once, and failures that are recorded."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import jwt
import pytest

from automation_client import (
    AUTOMATIONS,
    PERMISSIONS,
    allow_automations,
    check_schedules,
    create_automation,
    get_automation,
    list_runs,
    make_due,
    wait_for_run,
)
from channel_client import CHANNELS, create_group, enable_channels, open_channel_page, post_message
from conftest import REDIS, Person, Server, postgres_database, run_server
from fastback.access.activity import ActivityEvent
from fastback.access.identity import IdentityResolver
from fastback.completions.automations.runner import AutomationRunner
from fastback.completions.automations.scheduler import Scheduler
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from page_client import open_page
from redis_server import delete_keys
from scripted_model import MODEL_ID, run_scripted_model
from statement_costs import record_costs
from waiting import wait_until


async def run_now(person: Person, automation: Any) -> Any:
    return (await person.post(f"{AUTOMATIONS}/{automation['id']}/run")).ok()


async def read_chat(person: Person, run: Any) -> Any:
    return (await person.get(f"/api/v1/chats/{run['chat_id']}")).ok()


def record_events(server: Server) -> list[ActivityEvent]:
    events: list[ActivityEvent] = []

    def record(event: ActivityEvent) -> None:
        if event.event.startswith("automation.run"):
            events.append(event)

    server.services.get(Bus).subscribe(ActivityEvent, record)
    return events


async def test_a_run_writes_a_chat_that_pages_hear_of(server: Server, ada: Person, upstream: str) -> None:
    folder = (await ada.post("/api/v1/folders/", {"name": "News"})).ok()["id"]
    automation = await create_automation(ada, prompt="For {{USER_NAME}} [[tokens 2]]", folder_id=folder)
    events = record_events(server)
    async with open_page(ada) as page:
        results: list[Any] = []
        page.socket.on("automation:result", results.append)
        started = await run_now(ada, automation)
        assert started["last_run_at"] > automation["created_at"]
        assert (started["last_run"], started["next_run_at"]) == (None, automation["next_run_at"])
        run = await wait_for_run(ada, automation)
        (result,) = await wait_until(lambda: results)
        assert page.list_data("chat:active") == [
            {"active": True, "folder_id": folder},
            {"active": False, "folder_id": folder},
        ]
        assert page.list_data("chat:list")[0] is None
    assert run == {
        "id": run["id"],
        "automation_id": automation["id"],
        "chat_id": run["chat_id"],
        "status": "success",
        "error": None,
        "created_at": run["created_at"],
    }
    assert result == {
        "automation_id": automation["id"],
        "name": "Brief",
        "chat_id": run["chat_id"],
        "status": "success",
    }
    chat = await read_chat(ada, run)
    assert (chat["title"], chat["folder_id"]) == ("Brief", folder)
    assert chat["chat"]["meta"] == {"automation_id": automation["id"]}
    question, answer = chat["chat"]["history"]["messages"].values()
    assert (question["content"], question["childrenIds"]) == ("For Ada [[tokens 2]]", [answer["id"]])
    assert (answer["content"], answer["done"], answer["model"]) == ("word0 word1", True, "demo-small")
    assert [(event.event, event.data) for event in await wait_until(lambda: len(events) == 2 and events)] == [
        ("automation.run_started", {"name": "Brief"}),
        ("automation.run_completed", {"name": "Brief", "chat_id": run["chat_id"]}),
    ]
    assert (await get_automation(ada, automation))["last_run"] == run
    (await ada.delete(f"/api/v1/chats/{run['chat_id']}")).ok()
    assert (await list_runs(ada, automation))[0]["chat_id"] is None
    (await ada.delete(f"{AUTOMATIONS}/{automation['id']}/delete")).ok()
    count = await server.services.get(Database).fetch_value("test.count", "SELECT count(*) FROM automation_run")
    assert count == 0


async def test_what_is_due_runs_once_and_what_was_missed_is_skipped(server: Server, ada: Person) -> None:
    automation = await create_automation(ada, "RRULE:FREQ=HOURLY")
    paused = await create_automation(ada, "RRULE:FREQ=HOURLY", is_active=False)
    last = await create_automation(ada, "DTSTART:20990101T090000\nRRULE:FREQ=DAILY;COUNT=1")
    for entry in (automation, paused, last):
        await make_due(server, entry, seconds=7 * 3600)  # nobody was there for seven hours
    await asyncio.gather(*(check_schedules(server) for _ in range(3)))
    await wait_for_run(ada, automation)
    await wait_for_run(ada, last)
    await check_schedules(server)
    assert len(await list_runs(ada, automation)) == len(await list_runs(ada, last)) == 1
    assert await list_runs(ada, paused) == []
    state = await get_automation(ada, automation)
    assert 0 < state["next_run_at"] - time.time_ns() <= 3600 * 10**9
    assert state["last_run_at"] > automation["created_at"]
    assert (await ada.get("/api/v1/chats/")).ok()[0]["title"] == "Brief"


async def test_a_schedule_that_has_ended_does_not_run_again(server: Server, ada: Person) -> None:
    automation = await create_automation(ada)
    rule = "DTSTART:20200101T090000\\nRRULE:FREQ=DAILY;COUNT=1"
    data = f'{{"prompt": "Hello [[tokens 1]]", "model_id": "demo-small", "rrule": "{rule}"}}'
    db = server.services.get(Database)
    await db.execute("test.end", "UPDATE automation SET data = :data WHERE id = :id", data=data, id=automation["id"])
    await make_due(server, automation)
    await check_schedules(server)
    assert (await wait_for_run(ada, automation))["status"] == "success"
    assert (await get_automation(ada, automation))["next_run_at"] is None


async def test_invalid_schedules_do_not_keep_others_from_running(server: Server, ada: Person) -> None:
    invalid, slow, valid = [await create_automation(ada) for _ in range(3)]
    db = server.services.get(Database)
    for entry, rule in ((invalid, "x"), (slow, "FREQ=DAILY;INTERVAL=0")):
        text = "UPDATE automation SET data = :data WHERE id = :id"
        await db.execute("test.break", text, data=json.dumps({"rrule": rule}), id=entry["id"])
    for seconds, entry in enumerate((invalid, slow, valid)):
        due_at = await make_due(server, entry, seconds=100 - seconds)
    await check_schedules(server)
    assert (await wait_for_run(ada, valid))["status"] == "success"
    run = await wait_for_run(ada, invalid)
    assert run["status"] == "error" and run["error"].startswith("Invalid RRULE: ")
    assert (await get_automation(ada, invalid))["next_run_at"] is None
    assert await list_runs(ada, slow) == []
    assert (await get_automation(ada, slow))["next_run_at"] > due_at + 300 * 10**9


async def test_nothing_runs_while_automations_are_off(server: Server, ada: Person) -> None:
    automation = await create_automation(ada)
    (await ada.post("/api/v1/configs/import", {"config": {"automations.enable": False}})).ok()
    await make_due(server, automation)
    await check_schedules(server)
    (await ada.post("/api/v1/configs/import", {"config": {"automations.enable": True}})).ok()
    assert await list_runs(ada, automation) == []
    await check_schedules(server)
    await wait_for_run(ada, automation)


async def test_the_scheduler_wakes_up_in_time(server: Server, ada: Person) -> None:
    moment = time.gmtime(time.time() + 2)
    start = time.strftime("%Y%m%dT%H%M%S", moment)
    (await ada.post("/api/v1/auths/update/timezone", {"timezone": "UTC"})).ok()
    automation = await create_automation(ada, f"DTSTART:{start}\nRRULE:FREQ=DAILY")
    run = await wait_for_run(ada, automation)
    assert run["status"] == "success"


# -- failures --------------------------------------------------------------------------------------------------------


async def test_a_model_that_is_gone_is_a_failed_run(server: Server, ada: Person) -> None:
    automation = await create_automation(ada, model_id="gone")
    events = record_events(server)
    await run_now(ada, automation)
    run = await wait_for_run(ada, automation)
    assert (run["status"], run["error"]) == ("error", "400: Model not found")
    _, answer = (await read_chat(ada, run))["chat"]["history"]["messages"].values()
    assert (answer["done"], answer["error"]) == (True, {"content": "Model not found"})
    failed = (await wait_until(lambda: len(events) == 2 and events))[1]
    assert (failed.event, failed.data["error"]) == ("automation.run_failed", "400: Model not found")


async def test_a_model_that_fails_is_a_failed_run(ada: Person) -> None:
    automation = await create_automation(ada, prompt="[[error]]")
    await run_now(ada, automation)
    run = await wait_for_run(ada, automation)
    assert run["status"] == "error"
    _, answer = (await read_chat(ada, run))["chat"]["history"]["messages"].values()
    assert run["error"] == answer["error"]["content"]


async def test_a_model_that_the_owner_may_not_use_is_a_failed_run(ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    automation = await create_automation(bob)
    await run_now(bob, automation)
    assert (await wait_for_run(bob, automation))["error"].startswith("400: ")


async def test_an_owner_without_the_permission_has_failed_runs(server: Server, ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    automation = await create_automation(bob)
    permissions = (await ada.get(PERMISSIONS)).ok()
    denied = {**permissions, "features": {**permissions["features"], "automations": False}}
    (await ada.post(PERMISSIONS, denied)).ok()
    await make_due(server, automation)
    await check_schedules(server)
    text = "SELECT error FROM automation_run WHERE automation_id = :id"
    db = server.services.get(Database)
    error = await wait_until(lambda: db.fetch_value("test.error", text, id=automation["id"]))
    assert error == "Owner no longer permitted to run automations"
    await db.execute("test.demote", """UPDATE "user" SET role = 'pending' WHERE id = :id""", id=ada.id)
    own = await create_automation(ada)
    await server.services.get(AutomationRunner)._run_by_id(own["id"])
    assert await db.fetch_value("test.error", text, id=own["id"]) == error


async def test_an_owner_who_is_gone_leaves_nothing_that_runs(server: Server, ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    automation, other = await create_automation(bob), await create_automation(ada)
    db = server.services.get(Database)
    await make_due(server, automation)
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    assert await db.fetch_value("test.count", "SELECT count(*) FROM automation") == 1
    # Another program may have left an automation without its owner.
    await db.execute("test.orphan", "UPDATE automation SET user_id = 'gone' WHERE id = :id", id=other["id"])
    await make_due(server, other)
    await check_schedules(server)
    text = "SELECT error FROM automation_run WHERE automation_id = :id"
    assert await wait_until(lambda: db.fetch_value("test.error", text, id=other["id"])) == "User not found"


async def test_an_account_that_is_not_active_has_failed_runs(server: Server, ada: Person) -> None:
    automation = await create_automation(ada)
    db = server.services.get(Database)
    await db.execute("test.lock", "UPDATE auth SET active = FALSE WHERE id = :id", id=ada.id)
    await server.services.get(AutomationRunner)._run_by_id(automation["id"])
    await db.execute("test.unlock", "UPDATE auth SET active = TRUE WHERE id = :id", id=ada.id)
    assert (await list_runs(ada, automation))[0]["error"] == "Automation owner is no longer active"


async def test_a_folder_that_is_gone_is_left(server: Server, ada: Person) -> None:
    automation = await create_automation(ada)
    db = server.services.get(Database)
    await db.execute("test.lose", "UPDATE automation SET folder_id = 'gone' WHERE id = :id", id=automation["id"])
    await run_now(ada, automation)
    run = await wait_for_run(ada, automation)
    assert run["status"] == "success"
    assert (await read_chat(ada, run))["folder_id"] is None
    assert (await get_automation(ada, automation))["folder_id"] is None


async def test_a_deleted_folder_takes_its_automations_out(ada: Person) -> None:
    folder = (await ada.post("/api/v1/folders/", {"name": "News"})).ok()["id"]
    automation = await create_automation(ada, folder_id=folder)
    (await ada.delete(f"/api/v1/folders/{folder}")).ok()
    assert (await get_automation(ada, automation))["folder_id"] is None


async def test_a_run_that_is_stopped_has_failed(tmp_path: Path) -> None:
    async with run_scripted_model() as model, run_server(model.env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        automation = await create_automation(ada, model_id=MODEL_ID)
        await run_now(ada, automation)
        await model.wait_until_asked()
        model.say("Once")
        chat_id = (await ada.get("/api/v1/chats/")).ok()[0]["id"]
        (task_id,) = (await ada.get(f"/api/tasks/chat/{chat_id}")).ok()["task_ids"]
        (await ada.post(f"/api/tasks/stop/{task_id}")).ok()
        assert (await wait_for_run(ada, automation))["error"] == "Automation reply was cancelled"


async def test_a_server_that_stops_records_what_it_has_cut_short(tmp_path: Path) -> None:
    async with run_scripted_model() as model:
        async with run_server(model.env, tmp_path, "sqlite") as server:
            ada = await server.sign_up("Ada")
            automation = await create_automation(ada, model_id=MODEL_ID)
            await run_now(ada, automation)
            await model.wait_until_asked()
            model.say("Once upon")
        async with run_server(model.env, tmp_path, "sqlite") as server:
            again = Person(server.url, ada.token)
            server.people.append(again)
            (run,) = await list_runs(again, automation)
            assert (run["status"], run["error"]) == ("error", "Automation reply was cancelled")
            _, answer = (await read_chat(again, run))["chat"]["history"]["messages"].values()
            assert (answer["done"], answer["content"]) == (True, "Once upon")


# -- whose turn it is ------------------------------------------------------------------------------------------------


async def test_a_run_has_a_token_of_its_own_that_expires(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts: list[RequestContext] = []
    runner = server.services.get(AutomationRunner)
    run = runner._chat_runs.run

    async def record(automation_run: Any) -> None:
        contexts.append(automation_run.ctx)
        await run(automation_run)

    monkeypatch.setattr(runner._chat_runs, "run", record)
    automation = await create_automation(ada)
    for lifetime, seconds in (("2h", 7200), ("-1", 3600), ("soon", 3600)):
        (await ada.post("/api/v1/configs/import", {"config": {"automations.auth_token_expires_in": lifetime}})).ok()
        await runner._run_by_id(automation["id"])
        token = contexts[-1].token
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["id"], claims["typ"], claims["exp"] - claims["iat"]) == (ada.id, "automation", seconds)
        assert (await Person(ada.url, token).get("/api/v1/chats/")).status == 200
        identity = await server.services.get(IdentityResolver).resolve(token, "/")
        assert not identity.is_human


async def test_a_user_asks_for_some_runs_at_a_time(tmp_path: Path) -> None:
    async with run_scripted_model() as model, run_server(model.env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        automation = await create_automation(ada, model_id=MODEL_ID)
        for _ in range(12):
            await run_now(ada, automation)
        await model.wait_until_asked(10)
        await wait_for_run(ada, automation, 2)
        errors = {run["error"] for run in await list_runs(ada, automation)}
        assert errors == {"Too many runs at once: 10 may be requested at the same time"}
        for number in range(10):
            model.end(number)
        await wait_for_run(ada, automation, 12)
        await run_now(ada, automation)
        await model.wait_until_asked(11)
        model.end(10)
        assert (await wait_for_run(ada, automation, 13))["status"] == "success"


# -- channels --------------------------------------------------------------------------------------------------------


async def test_a_run_in_a_channel_posts_and_answers(server: Server, ada: Person, bob: Person) -> None:
    await enable_channels(ada)
    channel = await create_group(ada, bob)
    target = {"type": "channel", "channel_id": channel["id"]}
    automation = await create_automation(ada, prompt="News for <@M:demo-small|Small> [[tokens 2]]", target=target)
    events = record_events(server)
    async with open_channel_page(bob) as page:
        await run_now(ada, automation)
        run = await wait_for_run(ada, automation)
        await page.wait_for("message:update", lambda event: event["data"]["data"]["content"] == "word0 word1")
    assert (run["status"], run["chat_id"]) == ("success", f"channel:{channel['id']}")
    (question,) = (await bob.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    assert question["content"].startswith("News for")
    assert (question["user_id"], question["meta"]) == (ada.id, {"automation_id": automation["id"]})
    thread = (await bob.get(f"{CHANNELS}/{channel['id']}/messages/{question['id']}/thread")).ok()
    (answer,) = [message for message in thread if message["id"] != question["id"]]  # the mentioned model is silent
    assert answer["content"] == "word0 word1"
    assert {**answer["meta"], "done": None} == {
        "automation_id": automation["id"],
        "model_id": "demo-small",
        "model_name": "demo-small",
        "done": None,
    }
    completed = (await wait_until(lambda: len(events) == 2 and events))[1]
    assert completed.data == {"name": "Brief", "channel_id": channel["id"], "message_id": answer["id"]}
    await post_message(bob, channel, "Thanks")
    assert len(await list_runs(ada, automation)) == 1


async def test_channels_that_are_gone_are_failed_runs(server: Server, ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    await enable_channels(ada)
    channel = await create_group(ada, bob)
    target = {"type": "channel", "channel_id": channel["id"]}
    failing = await create_automation(ada, prompt="[[error]]", target=target)
    await run_now(ada, failing)
    run = await wait_for_run(ada, failing)
    assert (run["status"], run["chat_id"]) == ("error", f"channel:{channel['id']}")
    automation = await create_automation(bob, target=target)
    members = {"user_ids": [bob.id]}
    (await ada.post(f"{CHANNELS}/{channel['id']}/update/members/remove", members)).ok()
    await run_now(bob, automation)
    assert (await wait_for_run(bob, automation))["error"] == "Owner no longer permitted to use channels"
    (await ada.delete(f"{CHANNELS}/{channel['id']}/delete")).ok()
    await run_now(bob, automation)
    assert (await wait_for_run(bob, automation, 2))["error"] == "Channel not found"


# -- several processes -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def run_pair(database: str, tmp_path: Path, env: dict[str, str]) -> AsyncIterator[tuple[Server, Server]]:
    """Run two servers on one database; without Redis they know nothing of each other."""
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        env = {"DATABASE_URL": address, **env}
        async with run_server(env, tmp_path, database) as first, run_server(env, tmp_path, database) as second:
            yield first, second


async def test_two_schedulers_on_one_database_run_it_once(database: str, tmp_path: Path) -> None:
    async with run_scripted_model() as model, run_pair(database, tmp_path, model.env) as (first, second):
        ada = await first.sign_up("Ada")
        automations = [await create_automation(ada, "RRULE:FREQ=HOURLY", model_id=MODEL_ID) for _ in range(4)]
        for automation in automations:
            await make_due(first, automation)
        await asyncio.gather(*(check_schedules(server) for server in (first, second) for _ in range(2)))
        await model.wait_until_asked(4)
        for number in range(4):
            model.end(number)
        for automation in automations:
            await wait_for_run(ada, automation)
        assert [len(await list_runs(ada, automation)) for automation in automations] == [1, 1, 1, 1]
        assert len(model.requests) == 4


@pytest.mark.skipif(not REDIS, reason="FASTBACK_TEST_REDIS names no server")
async def test_the_process_with_the_lease_hears_what_is_due(database: str, tmp_path: Path) -> None:
    prefix = f"test-{uuid.uuid4().hex}"
    async with run_scripted_model() as model:
        shared = {"REDIS_URL": REDIS, "REDIS_KEY_PREFIX": prefix}
        try:
            async with run_pair(database, tmp_path, {**model.env, **shared}) as (first, second):
                schedulers = [server.services.get(Scheduler) for server in (first, second)]
                (holder,) = await wait_until(lambda: [entry for entry in schedulers if entry.is_leading], 10)
                other = second if holder is schedulers[0] else first
                ada = await other.sign_up("Ada")
                (await ada.post("/api/v1/auths/update/timezone", {"timezone": "UTC"})).ok()
                start = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() + 3))
                automation = await create_automation(ada, f"DTSTART:{start}\nRRULE:FREQ=DAILY", model_id=MODEL_ID)
                await model.wait_until_asked()
                model.end()
                assert (await wait_for_run(ada, automation))["status"] == "success"
                assert [scheduler.is_leading for scheduler in schedulers].count(True) == 1
        finally:
            await delete_keys(REDIS, prefix)


async def test_an_idle_scheduler_reads_two_entries(server: Server, ada: Person) -> None:
    db = server.services.get(Database)
    insert = """INSERT INTO automation (id, user_id, name, data, is_active, next_run_at, created_at, updated_at)
        VALUES (:id, :user_id, 'x', '{}', :is_active, :at, 1, 1)"""
    late = 4 * 10**18
    rows = [
        {"id": f"a{number}", "user_id": ada.id, "is_active": number % 2 == 0, "at": late if number % 2 == 0 else 1}
        for number in range(5000)
    ]
    await db.execute_many("test.insert", insert, rows)
    with record_costs() as costs:
        await check_schedules(server)
    scheduled = [cost for cost in costs if cost.name in ("automations.find_next_due", "timers.find_next_due")]
    assert {cost.name for cost in scheduled} == {"automations.find_next_due", "timers.find_next_due"}
    assert all(cost.visited < 40 and cost.pages < 20 for cost in scheduled), scheduled
    assert not [cost for cost in costs if cost.name.startswith("automations.list")]


async def test_many_due_automations_run_some_at_a_time(tmp_path: Path) -> None:
    async with run_scripted_model() as model, run_server(model.env, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        (await ada.get("/api/models")).ok()
        automations = [await create_automation(ada, "RRULE:FREQ=HOURLY", model_id=MODEL_ID) for _ in range(24)]
        for automation in automations:
            await make_due(server, automation)
        await check_schedules(server)
        await model.wait_until_asked(20)
        await check_schedules(server)
        assert len(model.requests) == 20
        model.end(0)
        await model.wait_until_asked(21)
        for number in range(1, 21):
            model.end(number)
        await model.wait_until_asked(24)
        for number in range(21, 24):
            model.end(number)
        for automation in automations:
            assert (await wait_for_run(ada, automation))["status"] == "success"
