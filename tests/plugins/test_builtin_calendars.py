"""Built-in tools for calendars: a model finds, creates, changes and deletes the events that the user may."""

from __future__ import annotations

from builtin_calls import call_builtin, list_offered, set_model
from conftest import Person
from queued_model import QueuedModel

CALENDARS = "/api/v1/calendars"
CALENDAR_TOOLS = {
    "search_calendar_events",
    "create_calendar_event",
    "update_calendar_event",
    "delete_calendar_event",
}


async def test_an_event_is_created_found_changed_and_deleted(ada: Person, model: QueuedModel) -> None:
    (await ada.post("/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"})).ok()
    (created,) = await call_builtin(
        ada,
        model,
        ("create_calendar_event", {"title": "Call mom", "start": "2027-03-01 09:00", "reminder_minutes": "0"}),
    )
    (calendar,) = [entry for entry in (await ada.get(f"{CALENDARS}/")).ok() if entry["is_default"]]
    assert created == {
        "status": "success",
        "id": created["id"],
        "calendar_id": calendar["id"],
        "title": "Call mom",
        "description": "",
        "start": "2027-03-01 09:00",
        "end": "2027-03-01 10:00",
        "all_day": False,
        "location": "",
        "reminder_minutes": 0,
        "color": None,
        "is_cancelled": False,
    }
    stored = (await ada.get(f"{CALENDARS}/events/{created['id']}")).ok()
    assert (stored["start_at"], stored["meta"]) == (1_803_888_000 * 10**9, {"alert_minutes": 0})
    by_text, by_range, nothing = await call_builtin(
        ada,
        model,
        ("search_calendar_events", {"query": "MOM"}),
        ("search_calendar_events", {"start": "2027-03-01", "end": "2027-03-02", "query": "mom"}),
        ("search_calendar_events", {"start": "2027-03-02"}),
    )
    described = {name: value for name, value in created.items() if name != "status"}
    assert by_text == by_range == {"events": [described], "total": 1}
    assert nothing == {"events": [], "total": 0}
    changed, deleted, missing = await call_builtin(
        ada,
        model,
        ("update_calendar_event", {"event_id": created["id"], "start": "2027-03-01 09:30", "location": "Phone"}),
        ("delete_calendar_event", {"event_id": created["id"]}),
        ("delete_calendar_event", {"event_id": created["id"]}),
    )
    assert (changed["start"], changed["end"], changed["location"]) == ("2027-03-01 09:30", "2027-03-01 10:00", "Phone")
    assert deleted == {"status": "success", "message": 'Event "Call mom" deleted'}
    assert missing == {"error": "Event not found"}


async def test_a_series_is_found_by_its_occurrences(ada: Person, model: QueuedModel) -> None:
    calendar_id = (await ada.get(f"{CALENDARS}/")).ok()[0]["id"]
    form = {"calendar_id": calendar_id, "title": "Run", "start_at": 1_803_891_600 * 10**9, "rrule": "FREQ=DAILY"}
    (await ada.post(f"{CALENDARS}/events/create", form)).ok()
    (matches,) = await call_builtin(
        ada, model, ("search_calendar_events", {"start": "2028-03-01", "end": "2028-03-03", "count": 1})
    )
    assert (matches["total"], matches["events"][0]["start"]) == (2, "2028-03-01 09:00")


async def test_times_that_do_not_exist_are_explained(ada: Person, model: QueuedModel) -> None:
    (await ada.post("/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"})).ok()
    skipped, invalid, far = await call_builtin(
        ada,
        model,
        *(
            ("create_calendar_event", {"title": "x", "start": start})
            for start in ("2027-03-28 02:30", "tomorrow", "9999-12-31 23:59")
        ),
    )
    assert "does not exist in Europe/Berlin" in skipped["error"]
    assert "Invalid start datetime" in invalid["error"]
    assert "Invalid start datetime" in far["error"]


async def test_events_of_others_are_refused(ada: Person, bob: Person, model: QueuedModel) -> None:
    calendar_id = (await ada.get(f"{CALENDARS}/")).ok()[0]["id"]
    form = {"calendar_id": calendar_id, "title": "Private", "start_at": 1_803_891_600 * 10**9}
    event = (await ada.post(f"{CALENDARS}/events/create", form)).ok()
    await set_model(ada)
    created, changed, matches = await call_builtin(
        bob,
        model,
        ("create_calendar_event", {"title": "x", "start": "2027-03-01", "calendar_id": calendar_id}),
        ("update_calendar_event", {"event_id": event["id"], "title": "x"}),
        ("search_calendar_events", {}),
    )
    assert created == {"error": "Access denied to this calendar"}
    assert changed == {"error": "Access denied"}
    assert matches == {"events": [], "total": 0}


async def test_calendar_tools_need_calendars(ada: Person, model: QueuedModel) -> None:
    assert set(await list_offered(ada, model)) >= CALENDAR_TOOLS
    (await ada.post("/api/v1/configs/import", {"config": {"calendar.enable": False}})).ok()
    assert not CALENDAR_TOOLS & set(await list_offered(ada, model))
