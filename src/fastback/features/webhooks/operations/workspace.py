"""Prompts, tools, functions, skills and models of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.emission import Done, PriorLookup, Table, Telling, field

_PROMPTS, _TOOLS, _FUNCTIONS = "/api/v1/prompts", "/api/v1/tools", "/api/v1/functions"
_SKILLS, _MODELS = "/api/v1/skills", "/api/v1/models"
_PROMPT = f"{_PROMPTS}/id/{{prompt_id}}"
_TOOL, _FUNCTION, _SKILL = (f"{area}/id/{{id}}" for area in (_TOOLS, _FUNCTIONS, _SKILLS))


def _about(event: str, *names: str, **data: Any) -> Telling:
    """About what is answered, with further data and fields of the answer."""
    return Telling(
        (event,),
        lambda done: done.told(event, done.field("id"), **data, **{name: done.field(name) for name in names}),
    )


def _switched(kind: str, *names: str, with_type: bool = True) -> Telling:
    on, off = f"{kind}.enabled", f"{kind}.disabled"

    def say(done: Done) -> ActivityEvent:
        event = on if done.field("is_active") else off
        data = {name: done.field(name) for name in names}
        return done.told(event, done.field("id"), kind if with_type else None, **data)

    return Telling((on, off), say)


def _deleted(kind: str, table: str, argument: str = "id", params: Any = None) -> Telling:
    """About what was there before, with its name."""
    text = f"SELECT name FROM {table} WHERE id = :id"
    return Telling(
        (f"{kind}.deleted",),
        lambda done: done.told(
            f"{kind}.deleted", done["data"].id if params is not None else done[argument], name=done.before
        ),
        PriorLookup(str, kind, text, params),
    )


def _model_id(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": arguments["data"].id}


class _Command(msgspec.Struct):
    name: str
    command: str


def _prompt_deleted() -> Telling:
    text = "SELECT name, command FROM prompt WHERE id = :prompt_id"
    return Telling(
        ("prompt.deleted",),
        lambda done: done.told(
            "prompt.deleted",
            done["prompt_id"],
            name=field(done.before, "name"),
            command=field(done.before, "command"),
        ),
        PriorLookup(_Command, "prompt", text),
    )


def _valves(kind: str, **data: Any) -> Telling:
    event = f"{kind}.valves_updated"
    return Telling((event,), lambda done: done.told(event, done["id"], **data))


_FUNCTION_SAID = ("type", "name")


def _function_switched(done: Done) -> list[ActivityEvent]:
    """Its beginning is an event of its own."""
    events = ("enable_started", "enabled") if done.field("is_active") else ("disable_started", "disabled")
    data = {name: done.field(name) for name in _FUNCTION_SAID}
    return [done.told(f"function.{event}", done["id"], "function", **data) for event in events]


_MODEL_MADE = _about("model.created", "name")

TABLE: Table = {
    ("POST", f"{_PROMPTS}/create"): _about("prompt.created", "name", "command"),
    ("POST", f"{_PROMPT}/update"): _about("prompt.updated", "name", "command"),
    ("POST", f"{_PROMPT}/update/meta"): _about("prompt.updated", "name", "command"),
    ("POST", f"{_PROMPT}/update/version"): _about("prompt.version_updated", "version_id"),
    ("POST", f"{_PROMPT}/access/update"): _about("prompt.access_updated", "name"),
    ("POST", f"{_PROMPT}/toggle"): _switched("prompt", "name", "command"),
    ("DELETE", f"{_PROMPT}/delete"): _prompt_deleted(),
    ("POST", f"{_TOOLS}/create"): _about("tool.created", "name"),
    ("POST", f"{_TOOL}/update"): _about("tool.updated", "name"),
    ("POST", f"{_TOOL}/update/version"): _about("tool.updated", "name"),
    ("POST", f"{_TOOL}/access/update"): _about("tool.access_updated", "name"),
    ("DELETE", f"{_TOOL}/delete"): _deleted("tool", "tool"),
    ("POST", f"{_TOOL}/valves/update"): _valves("tool"),
    ("POST", f"{_TOOL}/valves/user/update"): _valves("tool", scope="user"),
    ("POST", f"{_FUNCTIONS}/create"): _about("function.created", *_FUNCTION_SAID),
    ("POST", f"{_FUNCTION}/update"): _about("function.updated", *_FUNCTION_SAID),
    ("POST", f"{_FUNCTION}/update/version"): _about("function.updated", *_FUNCTION_SAID),
    ("POST", f"{_FUNCTION}/toggle"): Telling(
        tuple(f"function.{one}" for one in ("enable_started", "enabled", "disable_started", "disabled")),
        _function_switched,
    ),
    ("POST", f"{_FUNCTION}/toggle/global"): _about("function.updated", *_FUNCTION_SAID, "is_global"),
    ("DELETE", f"{_FUNCTION}/delete"): Telling(
        ("function.deleted",), lambda done: done.told("function.deleted", done["id"])
    ),
    ("POST", f"{_FUNCTION}/valves/update"): _valves("function"),
    ("POST", f"{_FUNCTION}/valves/user/update"): _valves("function", scope="user"),
    ("POST", f"{_SKILLS}/create"): _about("skill.created", "name"),
    ("POST", f"{_SKILL}/update"): _about("skill.updated", "name"),
    ("POST", f"{_SKILL}/update/version"): _about("skill.updated", "name"),
    ("POST", f"{_SKILL}/access/update"): _about("skill.updated", "name", access_updated=True),
    ("POST", f"{_SKILL}/toggle"): _switched("skill", "name", with_type=False),
    ("DELETE", f"{_SKILL}/delete"): _deleted("skill", "skill"),
    ("POST", _MODELS): _MODEL_MADE,
    ("POST", f"{_MODELS}/create"): _MODEL_MADE,
    ("POST", f"{_MODELS}/import"): Telling(
        ("model.imported",),
        lambda done: _counted(done, "model.imported", [field(one, "id") for one in done["data"].models or ()]),
    ),
    ("POST", f"{_MODELS}/sync"): Telling(
        ("model.synced",), lambda done: _counted(done, "model.synced", [field(one, "id") for one in done.answer])
    ),
    ("POST", f"{_MODELS}/model/update"): _about("model.updated", "name"),
    ("POST", f"{_MODELS}/model/update/version"): _about("model.updated", "name", "version_id"),
    ("POST", f"{_MODELS}/model/toggle"): _switched("model", "name"),
    ("POST", f"{_MODELS}/model/access/update"): Telling(
        ("model.access_updated",), lambda done: done.told("model.access_updated", done["data"].id)
    ),
    ("POST", f"{_MODELS}/model/delete"): _deleted("model", "model", params=_model_id),
    ("DELETE", f"{_MODELS}/delete/all"): Telling(
        ("model.deleted",), lambda done: done.told("model.deleted", None, "model")
    ),
}


def _counted(done: Done, event: str, ids: list[Any]) -> ActivityEvent:
    return done.told(event, None, "model", count=len(ids), model_ids=ids)
