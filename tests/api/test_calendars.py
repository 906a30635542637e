"""Calendars as records: who creates, reads, changes, shares and deletes them."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person, Server
from fastback.kit.db import Database

CALENDARS = "/api/v1/calendars"


async def create_calendar(person: Person, name: str = "Work", **form: Any) -> Any:
    return (await person.post(f"{CALENDARS}/create", {"name": name, **form})).ok()


async def share(owner: Person, calendar: Any, reader: Person, *permissions: str) -> None:
    grants = [
        {"principal_type": "user", "principal_id": reader.id, "permission": permission} for permission in permissions
    ]
    (await owner.post(f"{CALENDARS}/{calendar['id']}/access/update", {"access_grants": grants})).ok()


async def count_rows(server: Server, table: str) -> int:
    return int(await server.services.get(Database).fetch_value("test.count", f"SELECT count(*) FROM {table}"))


async def test_a_user_without_calendars_gets_one_default_calendar(server: Server, bob: Person) -> None:
    replies = await asyncio.gather(*(bob.get(f"{CALENDARS}/") for _ in range(6)))
    assert len({calendars.ok()[0]["id"] for calendars in replies}) == 1
    (calendar,) = replies[0].ok()
    assert (calendar["name"], calendar["is_default"], calendar["is_system"]) == ("Personal", True, False)
    assert await count_rows(server, "calendar") == 1


async def test_a_calendar_is_created_changed_and_deleted(server: Server, bob: Person) -> None:
    (await bob.get(f"{CALENDARS}/")).ok()
    calendar = await create_calendar(bob, color="#ff0000", data={"a": 1}, meta={"b": [2]})
    path = f"{CALENDARS}/{calendar['id']}"
    changed = (await bob.post(f"{path}/update", {"name": "Job", "data": {"c": "\0d"}, "meta": None})).ok()
    assert (changed["name"], changed["color"]) == ("Job", "#ff0000")
    assert (changed["data"], changed["meta"]) == ({"a": 1, "c": "d"}, {"b": [2]})
    assert changed["updated_at"] > calendar["updated_at"]
    assert (await bob.get(path)).ok() == changed
    assert (await bob.delete(f"{path}/delete")).ok() == {"status": True}
    (await bob.get(path)).refused(404, "Calendar not found")
    assert await count_rows(server, "calendar") == 1


async def test_concurrent_changes_of_a_calendar_keep_each_other(bob: Person) -> None:
    calendar = await create_calendar(bob)
    path = f"{CALENDARS}/{calendar['id']}/update"
    await asyncio.gather(*(bob.post(path, {"data": {f"k{number}": number}}) for number in range(8)))
    stored = (await bob.get(f"{CALENDARS}/{calendar['id']}")).ok()
    assert stored["data"] == {f"k{number}": number for number in range(8)}


async def test_malformed_calendars_are_refused(bob: Person) -> None:
    calendar = await create_calendar(bob)
    path = f"{CALENDARS}/{calendar['id']}/update"
    for form in ({"name": None}, {"name": "x" * 1001}, {"data": {"x": "y" * 70_000}}, {"meta": []}):
        (await bob.post(path, form)).refused(422)
    (await bob.post(f"{CALENDARS}/create", {"name": "x", "meta": {"x": "y" * 70_000}})).refused(422)
    # The limit also holds for what many small changes add up to.
    (await bob.post(path, {"data": {"a": "x" * 40_000}})).ok()
    (await bob.post(path, {"data": {"b": "x" * 40_000}})).refused(422)


async def test_one_calendar_of_a_user_is_the_default_one(bob: Person, cy: Person) -> None:
    (first,) = (await bob.get(f"{CALENDARS}/")).ok()
    second = await create_calendar(bob)
    (await bob.delete(f"{CALENDARS}/{first['id']}/delete")).refused(400, "Default calendar cannot be deleted")
    assert (await bob.post(f"{CALENDARS}/{second['id']}/default")).ok()["is_default"] is True
    listed = {calendar["id"]: calendar["is_default"] for calendar in (await bob.get(f"{CALENDARS}/")).ok()}
    assert listed == {first["id"]: False, second["id"]: True}
    (await cy.post(f"{CALENDARS}/{second['id']}/default")).refused(404, "Calendar not found")
    (await bob.delete(f"{CALENDARS}/{first['id']}/delete")).ok()
    (await bob.delete(f"{CALENDARS}/__scheduled_tasks__/delete")).refused(400, "System calendars cannot be deleted")


async def test_grants_open_a_calendar_to_others(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    calendar = await create_calendar(bob)
    path = f"{CALENDARS}/{calendar['id']}"
    (await cy.get(path)).refused(403, "Access denied")
    await share(bob, calendar, cy, "read")
    assert calendar["id"] in {listed["id"] for listed in (await cy.get(f"{CALENDARS}/")).ok()}
    (await cy.get(path)).ok()
    (await cy.post(f"{path}/update", {"name": "x"})).refused(403, "Access denied")
    await share(bob, calendar, cy, "read", "write")
    assert (await cy.post(f"{path}/update", {"name": "Ours"})).ok()["name"] == "Ours"
    (await cy.post(f"{path}/access/update", {"access_grants": []})).refused(403, "Only owner can manage sharing")
    (await cy.delete(f"{path}/delete")).refused(403, "Only owner can delete calendar")
    (await ada.delete(f"{path}/delete")).ok()
    assert await count_rows(server, "access_grant WHERE resource_type = 'calendar'") == 0


async def test_sharing_with_everybody_needs_a_permission(ada: Person, bob: Person) -> None:
    public = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    calendar = await create_calendar(bob, access_grants=[public])
    assert calendar["access_grants"] == []
    path = f"{CALENDARS}/{calendar['id']}/access/update"
    (await bob.post(path, {"access_grants": [public]})).refused(403)
    assert len((await ada.post(path, {"access_grants": [public]})).ok()["access_grants"]) == 1


async def test_calendars_can_be_switched_off(ada: Person, bob: Person) -> None:
    calendar = await create_calendar(bob)
    (await ada.post("/api/v1/configs/import", {"config": {"calendar.enable": False}})).ok()
    for person in (ada, bob):
        (await person.get(f"{CALENDARS}/")).refused(403, "401 Unauthorized")
        (await person.post(f"{CALENDARS}/{calendar['id']}/update", {})).refused(403, "401 Unauthorized")


async def test_calendars_go_with_their_owner_unless_they_are_shared(
    server: Server, ada: Person, bob: Person, cy: Person
) -> None:
    private, shared = await create_calendar(bob, "Private"), await create_calendar(bob, "Shared")
    await share(bob, shared, cy, "read")
    for calendar in (private, shared):
        form = {"calendar_id": calendar["id"], "title": "x", "start_at": 1, "attendees": [{"user_id": cy.id}]}
        (await bob.post(f"{CALENDARS}/events/create", form)).ok()
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    assert [calendar["id"] for calendar in (await cy.get(f"{CALENDARS}/")).ok()] == [shared["id"]]
    for table in ("calendar", "calendar_event", "calendar_event_attendee"):
        assert await count_rows(server, table) == 1
    (await ada.delete(f"/api/v1/users/{cy.id}")).ok()
    assert await count_rows(server, "calendar_event_attendee") == 0
