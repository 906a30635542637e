"""What tests of automations share: creating them, making them due, and waiting for their runs."""

from __future__ import annotations

import time
from typing import Any

from conftest import Person, Server
from fastback.completions.automations.scheduler import Scheduler
from fastback.kit.db import Database
from waiting import wait_until

AUTOMATIONS = "/api/v1/automations"
PERMISSIONS = "/api/v1/users/default/permissions"
UNAUTHORIZED = "401 Unauthorized"
NOT_FOUND = "We could not find what you're looking for :/"
HOUR = 3600 * 10**9


async def allow_automations(admin: Person, **features: bool) -> None:
    """Let every user have automations; `features` are further permissions."""
    permissions = (await admin.get(PERMISSIONS)).ok()
    body = {**permissions, "features": {**permissions["features"], "automations": True, **features}}
    (await admin.post(PERMISSIONS, body)).ok()


def build_form(rule: str = "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0", **more: Any) -> dict[str, Any]:
    """Return the body that creates an automation; `more` are fields of the body or of its data."""
    data = {"prompt": "Hello [[tokens 2]]", "model_id": "demo-small", "rrule": rule}
    names = ("prompt", "model_id", "terminal", "target")
    data |= {name: more.pop(name) for name in names if name in more}
    return {"name": "Brief", "data": data, "is_active": True, **more}


async def create_automation(person: Person, rule: str = "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0", **more: Any) -> Any:
    return (await person.post(f"{AUTOMATIONS}/create", build_form(rule, **more))).ok()


async def get_automation(person: Person, automation: Any) -> Any:
    return (await person.get(f"{AUTOMATIONS}/{automation['id']}")).ok()


async def list_runs(person: Person, automation: Any) -> list[Any]:
    return list((await person.get(f"{AUTOMATIONS}/{automation['id']}/runs")).ok())


async def wait_for_run(person: Person, automation: Any, count: int = 1) -> Any:
    """Return the last run once there are so many."""

    async def find_run() -> Any:
        runs = await list_runs(person, automation)
        return runs[0] if len(runs) >= count else None

    return await wait_until(find_run, 20)


async def make_due(server: Server, automation: Any, seconds: float = 60) -> int:
    """Let an automation have been due for some seconds; return since when."""
    due_at = time.time_ns() - int(seconds * 10**9)
    await server.services.get(Database).execute(
        "test.make_due", "UPDATE automation SET next_run_at = :at WHERE id = :id", at=due_at, id=automation["id"]
    )
    return due_at


async def check_schedules(server: Server) -> None:
    """Have what is due started now, without waiting for the scheduler."""
    await server.services.get(Scheduler).check()
