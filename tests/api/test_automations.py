"""Automations as records: who may have them, what schedules are, what users see of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from automation_client import (
    AUTOMATIONS,
    HOUR,
    NOT_FOUND,
    PERMISSIONS,
    UNAUTHORIZED,
    allow_automations,
    build_form,
    create_automation,
    get_automation,
    list_runs,
)
from channel_client import WRONG, create_group, enable_channels
from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.kit.bus import Bus
from fastback.kit.db import Database

EVENTS = "/api/v1/calendars/events"


async def test_an_automation_is_created_read_changed_and_deleted(server: Server, ada: Person) -> None:
    heard: list[tuple[str, Any]] = []
    server.services.get(Bus).subscribe(ActivityEvent, lambda event: heard.append((event.event, event.data)))
    created = await create_automation(ada)
    assert created == {
        "id": created["id"],
        "user_id": ada.id,
        "folder_id": None,
        "name": "Brief",
        "data": {
            "prompt": "Hello [[tokens 2]]",
            "model_id": "demo-small",
            "rrule": "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0",
            "terminal": None,
            "target": None,
        },
        "meta": None,
        "is_active": True,
        "last_run_at": None,
        "next_run_at": created["next_runs"][0],
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "last_run": None,
        "next_runs": created["next_runs"],
    }
    steps = [later - earlier for earlier, later in zip(created["next_runs"], created["next_runs"][1:], strict=False)]
    assert steps == [24 * HOUR] * 4
    assert created["next_runs"][0] > time.time_ns()
    assert await get_automation(ada, created) == created
    (listed,) = (await ada.get(f"{AUTOMATIONS}/list")).ok()["items"]
    assert listed == {**created, "next_runs": None}

    path = f"{AUTOMATIONS}/{created['id']}"
    form = build_form("RRULE:FREQ=HOURLY", name="Other", meta={"a": 1}, target={"type": "chat"}, is_active=None)
    changed = (await ada.post(f"{path}/update", form)).ok()
    assert (changed["name"], changed["meta"], changed["is_active"]) == ("Other", {"a": 1}, True)
    assert changed["data"]["target"] == {"type": "chat", "channel_id": None}
    assert changed["next_run_at"] == changed["next_runs"][0] < created["next_run_at"]
    paused = (await ada.post(f"{path}/toggle")).ok()
    assert (paused["is_active"], paused["next_run_at"]) == (False, None)
    assert len(paused["next_runs"]) == 5
    resumed = (await ada.post(f"{path}/toggle")).ok()
    assert (resumed["is_active"], resumed["next_run_at"]) == (True, resumed["next_runs"][0])
    assert (await ada.delete(f"{path}/delete")).ok() is True
    (await ada.get(path)).refused(404, NOT_FOUND)
    assert [name.removeprefix("automation.") for name, _ in heard if name.startswith("automation.")] == [
        *("created", "updated", "disabled", "enabled", "deleted")
    ]
    assert heard[0] == ("automation.created", {"name": "Brief", "is_active": True, "folder_id": None})


async def test_automations_need_the_permission(ada: Person, bob: Person, anonymous: Person) -> None:
    automation = await create_automation(ada)
    path = f"{AUTOMATIONS}/{automation['id']}"
    operations: list[tuple[str, str, Any]] = [
        ("POST", f"{AUTOMATIONS}/create", build_form()),
        ("GET", path, None),
        ("POST", f"{path}/update", build_form()),
        ("POST", f"{path}/toggle", None),
        ("POST", f"{path}/run", None),
        ("GET", f"{path}/runs", None),
        ("DELETE", f"{path}/delete", None),
    ]
    for method, address, body in operations:
        (await bob.request(method, address, json=body)).refused(403, UNAUTHORIZED)
        (await anonymous.request(method, address, json=body)).refused(401)
    await allow_automations(ada)
    for method, address, body in operations[1:]:
        (await bob.request(method, address, json=body)).refused(404, NOT_FOUND)
    own = await create_automation(bob)
    (await ada.get(f"{AUTOMATIONS}/{own['id']}")).refused(404, NOT_FOUND)
    (await ada.post("/api/v1/configs/import", {"config": {"automations.enable": False}})).ok()
    for method, address, body in operations:
        (await ada.request(method, address, json=body)).refused(403, UNAUTHORIZED)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("nonsense", "Invalid RRULE: "),
        ("", "Invalid RRULE: "),
        ("RRULE:FREQ=DAILY;COUNT=3", "RRULE with COUNT requires an explicit DTSTART line"),
        ("DTSTART:20200101T090000\nRRULE:FREQ=DAILY;COUNT=1", "RRULE has no future occurrences"),
        ("RRULE:FREQ=DAILY;UNTIL=20200101T000000", "RRULE has no future occurrences"),
        ("RRULE:FREQ=DAILY\nEXRULE:FREQ=DAILY", "Invalid RRULE: EXRULE is not supported in recurrence rules"),
        ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "Invalid RRULE: only one RRULE is supported per recurrence rule"),
        ("RRULE:FREQ=HOURLY;INTERVAL=0", "Invalid RRULE: RRULE INTERVAL must be a positive integer"),
        ("RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "Schedule took too long to evaluate"),
        ("RDATE:20990101T090000", "Invalid RRULE: "),
    ],
)
async def test_schedules_that_are_none_are_refused(ada: Person, rule: str, text: str) -> None:
    assert (await ada.post(f"{AUTOMATIONS}/create", build_form(rule))).refused(400).startswith(text)
    automation = await create_automation(ada)
    reply = await ada.post(f"{AUTOMATIONS}/{automation['id']}/update", build_form(rule))
    assert reply.refused(400).startswith(text)
    assert await get_automation(ada, automation) == automation


async def test_malformed_requests_are_refused(ada: Person) -> None:
    good = build_form()
    for body in (
        {},
        {"name": "x"},
        {**good, "name": None},
        {**good, "data": {**good["data"], "rrule": 7}},
        {**good, "data": {**good["data"], "target": {"type": "mail"}}},
        {**good, "data": {**good["data"], "terminal": {}}},
        {**good, "data": {**good["data"], "rrule": "x" * 10_001}},
        {**good, "meta": []},
    ):
        (await ada.post(f"{AUTOMATIONS}/create", body)).refused(422)
    automation = await create_automation(ada, "RRULE:FREQ=DAILY", name="N\0ul", prompt="a\0b", is_active=None)
    assert (automation["name"], automation["data"]["prompt"], automation["is_active"]) == ("Nul", "ab", True)
    (await ada.post(f"{AUTOMATIONS}/none/run")).refused(404, NOT_FOUND)
    assert (await ada.get(f"{AUTOMATIONS}/{automation['id']}/runs", skip=-1, limit=-1)).ok() == []


async def test_administrators_set_limits(ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    limits = {"automations.max_count": 1, "automations.min_interval": 3600}
    (await ada.post("/api/v1/configs/import", {"config": limits})).ok()
    path = f"{AUTOMATIONS}/create"
    text = "Schedule too frequent. Minimum interval is 3600 seconds."
    for rule in ("RRULE:FREQ=MINUTELY;INTERVAL=30", "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0,1"):
        (await bob.post(path, build_form(rule))).refused(400, text)
    once = await create_automation(bob, "DTSTART:20990101T090000\nRRULE:FREQ=DAILY;COUNT=1")
    (await bob.post(path, build_form("RRULE:FREQ=HOURLY"))).refused(403, "Automation limit reached (1)")
    update = f"{AUTOMATIONS}/{once['id']}/update"
    (await bob.post(update, build_form("RRULE:FREQ=MINUTELY"))).refused(400, text)
    (await bob.post(update, build_form("RRULE:FREQ=HOURLY"))).ok()
    for _ in range(2):
        await create_automation(ada, "RRULE:FREQ=MINUTELY")


async def test_a_schedule_counts_in_the_time_zone_of_its_owner(ada: Person) -> None:
    for zone, hour in (("Europe/Berlin", 8), ("Asia/Tokyo", 0), ("Not/A zone", 9), ("../../etc/passwd", 9)):
        (await ada.post("/api/v1/auths/update/timezone", {"timezone": zone})).ok()
        automation = await create_automation(ada, "DTSTART:20990110T090000\nRRULE:FREQ=DAILY")
        assert automation["next_run_at"] == (4_071_686_400 + hour * 3600) * 10**9, zone


async def test_folders_and_channels_are_checked(ada: Person, bob: Person, cy: Person) -> None:
    await allow_automations(ada)
    folder = (await ada.post("/api/v1/folders/", {"name": "News"})).ok()["id"]
    path = f"{AUTOMATIONS}/create"
    (await bob.post(path, build_form(folder_id=folder))).refused(404, NOT_FOUND)
    (await bob.post(path, build_form(folder_id="none"))).refused(404, NOT_FOUND)
    assert (await create_automation(ada, folder_id=folder))["folder_id"] == folder
    assert (await ada.get(f"{AUTOMATIONS}/list", folder_id=folder)).ok()["total"] == 1

    def aim(channel_id: Any) -> Any:
        return build_form(target={"type": "channel", "channel_id": channel_id})

    (await ada.post(path, aim("none"))).refused(404, NOT_FOUND)
    await enable_channels(ada)
    (await ada.post(path, aim(None))).refused(404, NOT_FOUND)
    (await ada.post(path, aim("none"))).refused(404, NOT_FOUND)
    channel = await create_group(ada, bob)
    await allow_automations(ada, channels=False)
    (await bob.post(path, aim(channel["id"]))).refused(403, WRONG)
    await allow_automations(ada, channels=True)
    (await bob.post(path, aim(channel["id"]))).ok()
    (await cy.post(path, aim(channel["id"]))).refused(403, WRONG)


async def test_an_invalid_stored_schedule_is_shown_and_can_be_replaced(server: Server, ada: Person) -> None:
    automation = await create_automation(ada)
    path = f"{AUTOMATIONS}/{automation['id']}"
    db = server.services.get(Database)
    text = "UPDATE automation SET data = :data WHERE id = :id"
    await db.execute("test.break", text, data='{"rrule": "x"}', id=automation["id"])
    assert (await get_automation(ada, automation))["next_runs"] == []
    assert (await ada.post(f"{path}/toggle")).ok()["is_active"] is False
    assert (await ada.post(f"{path}/toggle")).refused(400).startswith("Invalid RRULE: ")
    assert (await ada.post(f"{path}/update", build_form(is_active=True))).ok()["is_active"] is True


async def test_the_calendar_shows_planned_and_past_runs(server: Server, ada: Person, bob: Person) -> None:
    await allow_automations(ada)
    (await ada.post("/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"})).ok()
    automation = await create_automation(ada, "DTSTART:20990301T090000\nRRULE:FREQ=DAILY;COUNT=40")
    await create_automation(ada, "DTSTART:20990301T120000\nRRULE:FREQ=DAILY", is_active=False)
    db = server.services.get(Database)
    await db.execute(
        "test.run",
        """INSERT INTO automation_run (id, automation_id, chat_id, status, error, created_at)
            VALUES ('r', :id, 'c', 'error', 'Model not found', :at)""",
        id=automation["id"],
        at=time.time_ns(),
    )
    march = {"start": "2099-03-29T00:00:00+01:00", "end": "2099-03-31T00:00:00+02:00"}
    first, second = (await ada.get(EVENTS, **march)).ok()
    start = automation["next_run_at"] + 28 * 24 * HOUR
    assert first == {
        "id": f"auto_{automation['id']}",
        "calendar_id": "__scheduled_tasks__",
        "user_id": ada.id,
        "title": "Brief",
        "description": "Hello [[tokens 2]]",
        "start_at": start - HOUR,  # at nine, after the clocks were changed
        "end_at": None,
        "all_day": False,
        "rrule": "DTSTART:20990301T090000\nRRULE:FREQ=DAILY;COUNT=40",
        "color": None,
        "location": None,
        "data": None,
        "meta": {"automation_id": automation["id"]},
        "is_cancelled": False,
        "attendees": [],
        "created_at": automation["created_at"],
        "updated_at": automation["updated_at"],
        "user": None,
        "instance_id": f"auto_{automation['id']}_{start - HOUR}",
    }
    assert second["start_at"] == start - HOUR + 24 * HOUR
    today = {"start": "2020-01-01", "end": "2098-01-01"}
    (run,) = (await ada.get(EVENTS, **today)).ok()
    assert (run["id"], run["title"], run["description"]) == ("run_r", "Brief", "Model not found")
    assert run["meta"] == {"automation_id": automation["id"], "run_id": "r", "chat_id": "c", "status": "error"}
    assert (await ada.get(EVENTS, **march, calendar_ids="other")).ok() == []
    assert len((await ada.get(EVENTS, **march, calendar_ids="other,__scheduled_tasks__")).ok()) == 2
    assert (await bob.get(EVENTS, **march)).ok() == []
    april = {"start": "2099-04-20T00:00:00Z", "end": "2099-06-01T00:00:00Z"}
    assert (await ada.get(EVENTS, **april)).ok() == []
    (await ada.post("/api/v1/configs/import", {"config": {"automations.enable": False}})).ok()
    assert (await ada.get(EVENTS, **march)).ok() == []


async def test_runs_of_a_frequent_automation_fill_no_response(ada: Person) -> None:
    for _ in range(3):
        await create_automation(ada, "RRULE:FREQ=MINUTELY", prompt="x" * 2000)
    start, end = "2020-01-01T00:00:00Z", "2098-01-01T00:00:00Z"
    events = (await ada.get(EVENTS, start=start, end=end)).ok()
    assert 3000 < len(events) <= 10_000
    assert await list_runs(ada, {"id": events[0]["meta"]["automation_id"]}) == []


async def test_permissions_are_those_of_groups_too(ada: Person, bob: Person) -> None:
    assert (await ada.get(PERMISSIONS)).ok()["features"]["automations"] is False
    form = {"name": "Schedulers", "description": "", "permissions": {"features": {"automations": True}}}
    group = (await ada.post("/api/v1/groups/create", form)).ok()
    (await ada.post(f"/api/v1/groups/id/{group['id']}/update", form)).ok()
    (await ada.post(f"/api/v1/groups/id/{group['id']}/users/add", {"user_ids": [bob.id]})).ok()
    await create_automation(bob)
