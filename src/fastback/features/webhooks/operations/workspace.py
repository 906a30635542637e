"""Events of prompts, tools, functions, skills and models of the workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.emission import EventRule, EventRules, Operation, PriorLookup, get_field
from fastback.features.webhooks.operations import prior_state_store as store
from fastback.kit.db import Executor

FindName = Callable[[Executor, str], Awaitable[str | None]]

_PROMPTS, _TOOLS, _FUNCTIONS = "/api/v1/prompts", "/api/v1/tools", "/api/v1/functions"
_SKILLS, _MODELS = "/api/v1/skills", "/api/v1/models"
_PROMPT = f"{_PROMPTS}/id/{{prompt_id}}"
_TOOL, _FUNCTION, _SKILL = (f"{area}/id/{{id}}" for area in (_TOOLS, _FUNCTIONS, _SKILLS))


def _build_record_rule(event: str, *fields: str, **data: Any) -> EventRule:
    """Return a rule about the record of the response, with fields of the response and further data."""
    return EventRule(
        (event,),
        lambda operation: operation.create_event(
            event, operation.get_field("id"), **data, **{name: operation.get_field(name) for name in fields}
        ),
    )


def _build_toggle_rule(kind: str, *fields: str, with_type: bool = True) -> EventRule:
    """Return a rule that chooses the event by `is_active` of the response."""
    enabled, disabled = f"{kind}.enabled", f"{kind}.disabled"

    def create_event(operation: Operation) -> ActivityEvent:
        event = enabled if operation.get_field("is_active") else disabled
        data = {name: operation.get_field(name) for name in fields}
        return operation.create_event(event, operation.get_field("id"), kind if with_type else None, **data)

    return EventRule((enabled, disabled), create_event)


def _build_deletion_rule(kind: str, find_name: FindName, get_id: Callable[[Operation], str]) -> EventRule:
    """Return a rule about a deleted record; its name is read before the deletion."""
    event = f"{kind}.deleted"
    return EventRule(
        (event,),
        lambda operation: operation.create_event(event, get_id(operation), name=operation.prior),
        PriorLookup(kind, lambda db, operation: find_name(db, get_id(operation))),
    )


_PROMPT_DELETED = EventRule(
    ("prompt.deleted",),
    lambda operation: operation.create_event(
        "prompt.deleted",
        operation.parameters["prompt_id"],
        name=get_field(operation.prior, "name"),
        command=get_field(operation.prior, "command"),
    ),
    PriorLookup("prompt", lambda db, operation: store.find_prompt(db, operation.parameters["prompt_id"])),
)


def _build_valves_rule(kind: str, **data: Any) -> EventRule:
    event = f"{kind}.valves_updated"
    return EventRule((event,), lambda operation: operation.create_event(event, operation.parameters["id"], **data))


_FUNCTION_FIELDS = ("type", "name")


def _create_function_toggle_events(operation: Operation) -> list[ActivityEvent]:
    """Return two events: one for the start of the switch, one for its end."""
    actions = ("enable_started", "enabled") if operation.get_field("is_active") else ("disable_started", "disabled")
    data = {name: operation.get_field(name) for name in _FUNCTION_FIELDS}
    return [
        operation.create_event(f"function.{action}", operation.parameters["id"], "function", **data)
        for action in actions
    ]


def _create_models_event(operation: Operation, event: str, models: Iterable[Any]) -> ActivityEvent:
    model_ids = [get_field(model, "id") for model in models]
    return operation.create_event(event, None, "model", count=len(model_ids), model_ids=model_ids)


_MODEL_CREATED = _build_record_rule("model.created", "name")

RULES: EventRules = {
    ("POST", f"{_PROMPTS}/create"): _build_record_rule("prompt.created", "name", "command"),
    ("POST", f"{_PROMPT}/update"): _build_record_rule("prompt.updated", "name", "command"),
    ("POST", f"{_PROMPT}/update/meta"): _build_record_rule("prompt.updated", "name", "command"),
    ("POST", f"{_PROMPT}/update/version"): _build_record_rule("prompt.version_updated", "version_id"),
    ("POST", f"{_PROMPT}/access/update"): _build_record_rule("prompt.access_updated", "name"),
    ("POST", f"{_PROMPT}/toggle"): _build_toggle_rule("prompt", "name", "command"),
    ("DELETE", f"{_PROMPT}/delete"): _PROMPT_DELETED,
    ("POST", f"{_TOOLS}/create"): _build_record_rule("tool.created", "name"),
    ("POST", f"{_TOOL}/update"): _build_record_rule("tool.updated", "name"),
    ("POST", f"{_TOOL}/update/version"): _build_record_rule("tool.updated", "name"),
    ("POST", f"{_TOOL}/access/update"): _build_record_rule("tool.access_updated", "name"),
    ("DELETE", f"{_TOOL}/delete"): _build_deletion_rule(
        "tool", store.find_tool_name, lambda operation: operation.parameters["id"]
    ),
    ("POST", f"{_TOOL}/valves/update"): _build_valves_rule("tool"),
    ("POST", f"{_TOOL}/valves/user/update"): _build_valves_rule("tool", scope="user"),
    ("POST", f"{_FUNCTIONS}/create"): _build_record_rule("function.created", *_FUNCTION_FIELDS),
    ("POST", f"{_FUNCTION}/update"): _build_record_rule("function.updated", *_FUNCTION_FIELDS),
    ("POST", f"{_FUNCTION}/update/version"): _build_record_rule("function.updated", *_FUNCTION_FIELDS),
    ("POST", f"{_FUNCTION}/toggle"): EventRule(
        ("function.enable_started", "function.enabled", "function.disable_started", "function.disabled"),
        _create_function_toggle_events,
    ),
    ("POST", f"{_FUNCTION}/toggle/global"): _build_record_rule("function.updated", *_FUNCTION_FIELDS, "is_global"),
    ("DELETE", f"{_FUNCTION}/delete"): EventRule(
        ("function.deleted",), lambda operation: operation.create_event("function.deleted", operation.parameters["id"])
    ),
    ("POST", f"{_FUNCTION}/valves/update"): _build_valves_rule("function"),
    ("POST", f"{_FUNCTION}/valves/user/update"): _build_valves_rule("function", scope="user"),
    ("POST", f"{_SKILLS}/create"): _build_record_rule("skill.created", "name"),
    ("POST", f"{_SKILL}/update"): _build_record_rule("skill.updated", "name"),
    ("POST", f"{_SKILL}/update/version"): _build_record_rule("skill.updated", "name"),
    ("POST", f"{_SKILL}/access/update"): _build_record_rule("skill.updated", "name", access_updated=True),
    ("POST", f"{_SKILL}/toggle"): _build_toggle_rule("skill", "name", with_type=False),
    ("DELETE", f"{_SKILL}/delete"): _build_deletion_rule(
        "skill", store.find_skill_name, lambda operation: operation.parameters["id"]
    ),
    ("POST", _MODELS): _MODEL_CREATED,
    ("POST", f"{_MODELS}/create"): _MODEL_CREATED,
    ("POST", f"{_MODELS}/import"): EventRule(
        ("model.imported",),
        lambda operation: _create_models_event(operation, "model.imported", operation.body.models or ()),
    ),
    ("POST", f"{_MODELS}/sync"): EventRule(
        ("model.synced",), lambda operation: _create_models_event(operation, "model.synced", operation.response)
    ),
    ("POST", f"{_MODELS}/model/update"): _build_record_rule("model.updated", "name"),
    ("POST", f"{_MODELS}/model/update/version"): _build_record_rule("model.updated", "name", "version_id"),
    ("POST", f"{_MODELS}/model/toggle"): _build_toggle_rule("model", "name"),
    ("POST", f"{_MODELS}/model/access/update"): EventRule(
        ("model.access_updated",), lambda operation: operation.create_event("model.access_updated", operation.body.id)
    ),
    ("POST", f"{_MODELS}/model/delete"): _build_deletion_rule(
        "model", store.find_model_name, lambda operation: operation.body.id
    ),
    ("DELETE", f"{_MODELS}/delete/all"): EventRule(
        ("model.deleted",), lambda operation: operation.create_event("model.deleted", None, "model")
    ),
}
