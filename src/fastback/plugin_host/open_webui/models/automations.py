"""Automations and their runs. Times are in nanoseconds."""

from __future__ import annotations

from typing import Any, Literal

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable

_AUTOMATIONS = "/api/v1/automations"


class AutomationTerminalConfig(Record):
    server_id: str
    cwd: str | None = None


class AutomationTarget(Record):
    type: Literal["chat", "channel"] = "chat"
    channel_id: str | None = None


class AutomationData(Record):
    prompt: str
    model_id: str
    rrule: str
    terminal: AutomationTerminalConfig | None = None
    target: AutomationTarget | None = None


class AutomationModel(Record):
    id: str
    user_id: str
    folder_id: str | None = None
    name: str
    data: dict[str, Any]
    meta: dict[str, Any] | None = None
    is_active: bool
    last_run_at: int | None = None
    next_run_at: int | None = None
    created_at: int
    updated_at: int


class AutomationRunModel(Record):
    id: str
    automation_id: str
    chat_id: str | None = None
    status: str
    error: str | None = None
    created_at: int


class AutomationForm(Record):
    name: str
    folder_id: str | None = None
    data: AutomationData
    meta: dict[str, Any] | None = None
    is_active: bool | None = True


class AutomationResponse(AutomationModel):
    last_run: AutomationRunModel | None = None
    next_runs: list[int] | None = None


class AutomationListResponse(Record):
    items: list[AutomationModel]
    total: int


class AutomationTable(RecordTable):
    table = "automation"
    model = AutomationModel

    @awaited_or_not
    async def insert(self, user_id: str, form: Any, next_run_at: int | None = None, db: Any = None) -> Any:
        """Create an automation; its schedule says when it runs next."""
        created = await self._run(user_id, "POST", f"{_AUTOMATIONS}/create", content=dump_form(form))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def count_by_user(self, user_id: str, db: Any = None) -> Any:
        return await self._count(user_id=user_id)

    @awaited_or_not
    async def get_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_active_by_user(self, user_id: str, db: Any = None) -> Any:
        return await self._list(user_id=user_id, is_active=True, order="-created_at")

    @awaited_or_not
    async def search_automations(
        self,
        user_id: str,
        query: str | None = None,
        status: str | None = None,
        folder_id: str | None = None,
        skip: int = 0,
        limit: int = 30,
        db: Any = None,
    ) -> Any:
        """Return a page of a user's automations whose name or data contain a text, newest first."""
        where: dict[str, Any] = {"user_id": user_id}
        if folder_id:
            where["folder_id"] = folder_id
        if status in ("active", "paused"):
            where["is_active"] = status == "active"
        automations = await self._list(order="-created_at", **where)
        if query:
            word = query.lower()
            automations = [entry for entry in automations if word in f"{entry.name}\n{entry.data}".lower()]
        items = automations[skip : skip + limit] if limit else automations[skip:]
        return AutomationListResponse(items=items, total=len(automations))

    @awaited_or_not
    async def update_by_id(self, id: str, form: Any, next_run_at: int | None = None, db: Any = None) -> Any:
        """Replace the fields of an automation; its schedule says when it runs next."""
        return await self._change(id, "POST", "update", content=dump_form(form))

    @awaited_or_not
    async def toggle(self, id: str, next_run_at: int | None = None, db: Any = None) -> Any:
        return await self._change(id, "POST", "toggle")

    @awaited_or_not
    async def delete(self, id: str, db: Any = None) -> Any:
        automation = await self._find(id=id)
        if automation is None:
            return False
        return bool(await self._run(automation.user_id, "DELETE", f"{_AUTOMATIONS}/{id}/delete"))

    async def _change(self, automation_id: str, method: str, action: str, **request: Any) -> Any:
        automation = await self._find(id=automation_id)
        if automation is None:
            return None
        await self._run(automation.user_id, method, f"{_AUTOMATIONS}/{automation_id}/{action}", **request)
        return await self._find(id=automation_id)


class AutomationRunTable(RecordTable):
    table = "automation_run"
    model = AutomationRunModel

    @awaited_or_not
    async def get_latest(self, automation_id: str, db: Any = None) -> Any:
        runs = await self._list(automation_id=automation_id, order="-created_at", limit=1)
        return runs[0] if runs else None

    @awaited_or_not
    async def get_latest_batch(self, automation_ids: list[str], db: Any = None) -> Any:
        """Return the last run of each automation that has run, by its id."""
        runs: dict[str, Any] = {}
        for automation_id in automation_ids:
            for run in await self._list(automation_id=automation_id, order="-created_at", limit=1):
                runs[automation_id] = run
        return runs

    @awaited_or_not
    async def get_by_automation(self, automation_id: str, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        return await self._list(automation_id=automation_id, order="-created_at", skip=skip, limit=limit)


Automations = AutomationTable()
AutomationRuns = AutomationRunTable()
