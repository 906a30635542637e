"""Reminders of events: who is reminded, when, and only once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.features.calendars.reminders.service import Reminders
from fastback.kit.bus import Bus
from page_client import open_page

CALENDARS = "/api/v1/calendars"
EVENTS = f"{CALENDARS}/events"
MINUTE = 60 * 10**9


async def create_event(person: Person, title: str, minutes: float, **form: Any) -> Any:
    """Create an event that begins in some minutes."""
    calendar_id = (await person.get(f"{CALENDARS}/")).ok()[0]["id"]
    start = time.time_ns() + int(minutes * MINUTE)
    body = {"calendar_id": calendar_id, "title": title, "start_at": start, **form}
    return (await person.post(f"{EVENTS}/create", body)).ok()


def record_alerts(server: Server) -> list[ActivityEvent]:
    alerts: list[ActivityEvent] = []

    def record(event: ActivityEvent) -> None:
        if event.event == "calendar.alert":
            alerts.append(event)

    server.services.get(Bus).subscribe(ActivityEvent, record)
    return alerts


async def test_a_page_hears_of_an_event_that_begins_soon(server: Server, bob: Person) -> None:
    event = await create_event(bob, "Dentist", 8.5, location="Main St")
    alerts = record_alerts(server)
    async with open_page(bob) as page:
        assert await server.services.get(Reminders).send_due() == 1
        data = await page.wait_for("calendar:alert")
    assert data == {
        "event_id": event["id"],
        "title": "Dentist",
        "description": "",
        "start_at": event["start_at"],
        "minutes_until": 8,
        "calendar_id": event["calendar_id"],
        "location": "Main St",
    }
    (alert,) = alerts
    assert (alert.subject_id, alert.subject_type, alert.source) == (event["id"], "calendar.event", "scheduler")
    assert alert.data["message"] == "Dentist: starting in 8 min"
    assert alert.data["user_id"] == bob.id
    assert (await bob.get(f"{EVENTS}/{event['id']}")).ok()["meta"] == {"alerted_at": event["start_at"]}


async def test_a_reminder_is_sent_once_for_each_start(server: Server, bob: Person) -> None:
    event = await create_event(bob, "Dentist", 5)
    reminders = server.services.get(Reminders)
    assert sum(await asyncio.gather(*(reminders.send_due() for _ in range(4)))) == 1
    path = f"{EVENTS}/{event['id']}/update"
    (await bob.post(path, {"title": "Other"})).ok()
    assert await reminders.send_due() == 0
    (await bob.post(path, {"start_at": event["start_at"] + MINUTE})).ok()
    assert await reminders.send_due() == 1


async def test_each_event_says_when_its_reminder_is_sent(server: Server, bob: Person) -> None:
    alerts = record_alerts(server)
    await create_event(bob, "in two hours", 119, meta={"alert_minutes": 120})
    await create_event(bob, "too early", 119, meta={"alert_minutes": 30})
    await create_event(bob, "far", 30)
    await create_event(bob, "quiet", 5, meta={"alert_minutes": -1})
    await create_event(bob, "now", -0.05, meta={"alert_minutes": 0})
    await create_event(bob, "past", -30)
    await create_event(bob, "odd", 5, meta={"alert_minutes": "soon"})
    cancelled = await create_event(bob, "cancelled", 5)
    (await bob.post(f"{EVENTS}/{cancelled['id']}/update", {"is_cancelled": True})).ok()
    await server.services.get(Reminders).send_due()
    assert sorted(str(alert.message) for alert in alerts) == ["in two hours", "now", "odd"]
    assert {alert.data["starts_in"] for alert in alerts if alert.message == "now"} == {"now"}


async def test_nobody_is_reminded_while_calendars_are_off(server: Server, ada: Person, bob: Person) -> None:
    await create_event(bob, "Dentist", 5)
    alerts = record_alerts(server)
    (await ada.post("/api/v1/configs/import", {"config": {"calendar.enable": False}})).ok()
    await server.services.get(Reminders).check()
    assert alerts == []
    (await ada.post("/api/v1/configs/import", {"config": {"calendar.enable": True}})).ok()
    await server.services.get(Reminders).check()
    assert len(alerts) == 1


async def test_a_series_is_reminded_of_at_its_first_occurrence(server: Server, bob: Person) -> None:
    """Open WebUI compares stored starts alone: the later occurrences of a series have no reminders."""
    alerts = record_alerts(server)
    await create_event(bob, "begins", 5, rrule="FREQ=DAILY")
    await create_event(bob, "goes on", 5 - 24 * 60, rrule="FREQ=DAILY")
    await server.services.get(Reminders).send_due()
    assert [alert.message for alert in alerts] == ["begins"]


async def test_users_who_lost_a_calendar_are_not_reminded(server: Server, ada: Person, bob: Person) -> None:
    calendar = (await ada.post(f"{CALENDARS}/create", {"name": "Team"})).ok()
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": kind} for kind in ("read", "write")]
    path = f"{CALENDARS}/{calendar['id']}/access/update"
    (await ada.post(path, {"access_grants": grants})).ok()
    alerts = record_alerts(server)
    await create_event(bob, "of the team", 5, calendar_id=calendar["id"])
    (await ada.post(path, {"access_grants": []})).ok()
    assert await server.services.get(Reminders).send_due() == 0
    (await ada.post(path, {"access_grants": grants})).ok()
    assert await server.services.get(Reminders).send_due() == 1
    assert [alert.data["user_id"] for alert in alerts] == [bob.id]
