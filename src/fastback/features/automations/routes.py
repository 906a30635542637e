"""Routes below `/api/v1/automations`: a user's automations, and their runs."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.schemas import AutomationForm, AutomationPage, AutomationResponse, RunResponse
from fastback.features.automations.service import AutomationService
from fastback.features.automations.store import AutomationFilter
from fastback.kit.http import Router

router = Router("/api/v1/automations")

PAGE_SIZE = 30
_STATES = {"active": True, "paused": False}


@router.get("/list")
async def list_automations(
    user: VerifiedUser,
    access: AutomationAccess,
    automations: AutomationService,
    query: str | None = None,
    status: str | None = None,
    folder_id: str | None = None,
    page: int | None = 1,
) -> AutomationPage:
    """List a page of the current user's automations, each with its last run."""
    await access.require_feature(user)
    criteria = AutomationFilter(user.id, folder_id, query, _STATES.get(status or ""))
    skip = (max(page or 1, 1) - 1) * PAGE_SIZE
    return await automations.list_page(criteria, skip=skip, limit=PAGE_SIZE)


@router.post("/create")
async def create_automation(
    data: AutomationForm, user: VerifiedUser, access: AutomationAccess, automations: AutomationService
) -> AutomationResponse:
    """Create an automation."""
    await access.require_feature(user)
    return await automations.create(user, data)


@router.get("/{id}")
async def get_automation(
    id: str, user: VerifiedUser, access: AutomationAccess, automations: AutomationService
) -> AutomationResponse:
    """Return an automation with its last run and its next runs."""
    await access.require_feature(user)
    return await automations.describe(await access.get_automation(id, user), user)


@router.post("/{id}/update")
async def update_automation(
    id: str,
    data: AutomationForm,
    user: VerifiedUser,
    access: AutomationAccess,
    automations: AutomationService,
) -> AutomationResponse:
    """Replace the fields of an automation."""
    await access.require_feature(user)
    return await automations.update(await access.get_automation(id, user), user, data)


@router.post("/{id}/toggle")
async def toggle_automation(
    id: str, user: VerifiedUser, access: AutomationAccess, automations: AutomationService
) -> AutomationResponse:
    """Pause an active automation, or resume a paused one."""
    await access.require_feature(user)
    return await automations.toggle(await access.get_automation(id, user), user)


@router.post("/{id}/run")
async def run_automation(
    id: str, user: VerifiedUser, access: AutomationAccess, automations: AutomationService
) -> AutomationResponse:
    """Run an automation now, beside the request."""
    await access.require_feature(user)
    return await automations.request_run(await access.get_automation(id, user), user)


@router.delete("/{id}/delete")
async def delete_automation(
    id: str, user: VerifiedUser, access: AutomationAccess, automations: AutomationService
) -> bool:
    """Delete an automation with its runs."""
    await access.require_feature(user)
    return await automations.delete(await access.get_automation(id, user), user)


@router.get("/{id}/runs")
async def list_runs(
    id: str,
    user: VerifiedUser,
    access: AutomationAccess,
    automations: AutomationService,
    skip: int = 0,
    limit: int = 50,
) -> list[RunResponse]:
    """List a page of the runs of an automation, last first."""
    await access.require_feature(user)
    automation = await access.get_automation(id, user)
    return await automations.list_runs(automation, skip=skip, limit=limit)
