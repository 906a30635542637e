"""Automations: create, change, list, pause and delete the user's scheduled prompts."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.automations import store
from fastback.features.automations.access import AutomationAccess
from fastback.features.automations.schedules import ScheduleRefused
from fastback.features.automations.schemas import (
    Automation,
    AutomationData,
    AutomationForm,
    AutomationResponse,
    Target,
    parse_data,
)
from fastback.features.automations.service import AutomationService
from fastback.features.automations.store import AutomationFilter
from fastback.features.chats.chat_ids import get_channel_id, is_channel
from fastback.kit.db import Database

Json = dict[str, Any]

#: Automations in one result, and characters of a prompt in it.
_MAX_COUNT, _SNIPPET_LENGTH = 100, 100
_STATES = {"active": True, "paused": False}
#: What the metadata of an automation say that a run of another one has created.
_CREATOR = "created_by_automation"


class AutomationTools(BuiltinGroup):
    """`create_automation`, `update_automation`, `list_automations`, `toggle_automation` and `delete_automation`."""

    category = "automations"
    has_fixed_tools = True

    def __init__(self, db: Database, access: AutomationAccess, automations: AutomationService) -> None:
        self._db = db
        self._access = access
        self._automations = automations

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return self._access.is_enabled and await conditions.has_permission("features.automations")

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "create_automation",
                "Create an automation: a prompt that runs by itself on a schedule, once or again and again, with the "
                "model of this chat. The schedule is a recurrence rule of iCalendar in the user's local time, with a "
                "start where the time of the day matters, and with COUNT=1 for a single run. Every day at 9: "
                '"DTSTART:20250101T090000\\nRRULE:FREQ=DAILY". Mondays at 8: '
                '"DTSTART:20250106T080000\\nRRULE:FREQ=WEEKLY;BYDAY=MO". Every half hour: '
                '"RRULE:FREQ=MINUTELY;INTERVAL=30". Once: "DTSTART:20250415T140000\\nRRULE:FREQ=DAILY;COUNT=1".',
                [
                    text("name", "A short name"),
                    text("prompt", "What the model is asked in each run"),
                    text("rrule", "The recurrence rule"),
                    text("folder_id", "Id of a folder of the user for the chats of the runs", None),
                ],
                self._create,
            ),
            BuiltinTool(
                "update_automation",
                "Change an automation. Fields that are left out stay.",
                [
                    text("automation_id", "Id of the automation"),
                    text("name", "New name", None),
                    text("prompt", "New prompt", None),
                    text("rrule", "New recurrence rule, as for create_automation", None),
                    text("model_id", "Id of another model; an empty text changes nothing", None),
                    text("folder_id", "Id of another folder of the user; null for none, an empty text stays", ""),
                ],
                self._update,
            ),
            BuiltinTool(
                "list_automations",
                "List the user's automations with their schedules and next runs.",
                [
                    text("status", 'Only the "active" or the "paused" ones', None),
                    text("folder_id", "Only those of this folder of the user", None),
                    integer("count", "Number of automations", 10),
                ],
                self._list,
            ),
            BuiltinTool(
                "toggle_automation",
                "Pause an automation that is active, or resume one that is paused.",
                [text("automation_id", "Id of the automation")],
                self._toggle,
            ),
            BuiltinTool(
                "delete_automation",
                "Delete an automation with its history for good.",
                [text("automation_id", "Id of the automation")],
                self._delete,
            ),
        ]

    async def _create(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn = context.turn
        rule = arguments.text("rrule")
        chat_id = turn.request.chat_id
        target = Target("channel", get_channel_id(chat_id)) if is_channel(chat_id) else None
        form = AutomationForm(
            name=arguments.text("name"),
            data=AutomationData(arguments.text("prompt"), turn.model.id, rule, target=target),
            folder_id=await self._find_folder(arguments.optional_text("folder_id"), turn),
            meta=await self._describe_creator(turn),
        )
        await self._check_schedule(rule, turn)
        return _describe(await self._automations.create(turn.user, _require_valid(form)))

    async def _describe_creator(self, turn: Turn) -> Json | None:
        """Return the metadata of an automation that a turn creates.

        Raises:
            ToolError: the turn is a run of an automation that a run has created: they would multiply without end.
        """
        creator_id = turn.ctx.automation_id
        if not creator_id:
            return None
        creator = await store.find_automation(self._db, creator_id)
        meta = msgspec.json.decode(creator.meta) if creator is not None else None
        if isinstance(meta, dict) and meta.get(_CREATOR):
            raise ToolError("An automation that another automation has created cannot create automations")
        return {_CREATOR: creator_id}

    async def _update(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn = context.turn
        automation = await self._get_automation(arguments, turn)
        task = automation.task
        rule = task.rrule if arguments.is_absent("rrule") else arguments.text("rrule")
        folder_id = automation.folder_id
        if arguments.has_null("folder_id"):
            folder_id = None
        elif arguments.text("folder_id").strip():
            folder_id = await self._find_folder(arguments.text("folder_id").strip(), turn)
        form = AutomationForm(
            name=automation.name if arguments.is_absent("name") else arguments.text("name"),
            data=AutomationData(
                prompt=task.prompt if arguments.is_absent("prompt") else arguments.text("prompt"),
                model_id=arguments.text("model_id").strip() or task.model_id,
                rrule=rule,
                terminal=task.terminal,
                target=task.target,
            ),
            folder_id=folder_id,
            meta=msgspec.json.decode(automation.meta, type=dict[str, Any] | None),
            is_active=None,
        )
        is_changed = not arguments.is_absent("rrule")
        if is_changed:
            await self._check_schedule(rule, turn)
        response = await self._automations.update(
            automation, turn.user, _require_valid(form), keeps_schedule=not is_changed
        )
        return _describe(response)

    async def _list(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user = context.turn.user
        folder_id = await self._find_folder(arguments.optional_text("folder_id"), context.turn)
        count = min(max(arguments.integer("count"), 1), _MAX_COUNT)
        criteria = AutomationFilter(user.id, folder_id, None, _STATES.get(arguments.text("status")))
        automations, total = await store.list_automations(self._db, criteria, limit=count, skip=0)
        next_runs = await self._automations.list_next_runs(automations, user)
        entries = [_describe_entry(*entry) for entry in zip(automations, next_runs, strict=True)]
        return {"automations": entries, "total": total}

    async def _toggle(self, arguments: Arguments, context: ToolCallContext) -> Json:
        automation = await self._get_automation(arguments, context.turn)
        response = await self._automations.toggle(automation, context.turn.user)
        return {"status": "success", "id": response.id, "name": response.name, "is_active": response.is_active}

    async def _delete(self, arguments: Arguments, context: ToolCallContext) -> Json:
        automation = await self._get_automation(arguments, context.turn)
        await self._automations.delete(automation, context.turn.user)
        return {"status": "success", "message": f'Automation "{automation.name}" deleted'}

    async def _get_automation(self, arguments: Arguments, turn: Turn) -> Automation:
        automation = await store.find_automation(self._db, arguments.text("automation_id"))
        if automation is None:
            raise ToolError("Automation not found")
        if automation.user_id != turn.user.id:
            raise ToolError("Access denied")
        return automation

    async def _find_folder(self, folder_id: str | None, turn: Turn) -> str | None:
        """Return the id of a folder of the user; None where none is named.

        Raises:
            ToolError: the user has no such folder.
        """
        if folder_id is not None and not await self._access.owns_folder(folder_id, turn.user.id):
            raise ToolError("Folder not found")
        return folder_id

    async def _check_schedule(self, rule: str, turn: Turn) -> None:
        try:
            await self._automations.check_schedule(rule, turn.user)
        except ScheduleRefused as error:
            raise ToolError(f"Invalid schedule: {error}") from None


def _require_valid(form: AutomationForm) -> AutomationForm:
    """Return a form whose texts are no longer than those of requests.

    Raises:
        ToolError: one is.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(form), AutomationForm)
    except msgspec.ValidationError as error:
        raise ToolError(str(error)) from None


def _describe(response: AutomationResponse) -> Json:
    task = parse_data(response.data)
    return {
        "status": "success",
        "id": response.id,
        "name": response.name,
        "folder_id": response.folder_id,
        "model_id": task.model_id,
        "target": task.target,
        "is_active": response.is_active,
        "next_runs": response.next_runs,
    }


def _describe_entry(automation: Automation, next_runs: list[int]) -> Json:
    task = automation.task
    is_long = len(task.prompt) > _SNIPPET_LENGTH
    return {
        "id": automation.id,
        "name": automation.name,
        "folder_id": automation.folder_id,
        "prompt_snippet": task.prompt[:_SNIPPET_LENGTH] + ("..." if is_long else ""),
        "model_id": task.model_id,
        "target": task.target,
        "rrule": task.rrule,
        "is_active": automation.is_active,
        "last_run_at": automation.last_run_at,
        "next_runs": next_runs,
    }
