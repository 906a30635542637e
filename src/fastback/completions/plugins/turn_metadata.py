"""The metadata of a turn as plugins see them: `__metadata__`, with Open WebUI's keys."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.turn import Turn
from fastback.features.prompts import system_messages

Json = dict[str, Any]

#: Roles and fields of the request that are repeated in the metadata.
_BODY_FIELDS = ("tool_ids", "tool_servers", "files")
#: What plugins call kinds of tools, where they have another name for one.
_TOOL_TYPES = {"openapi": "external"}


def build_metadata(turn: Turn) -> Json:
    """Return the metadata of a turn as its first filter sees them."""
    request, body = turn.request, turn.request.body
    question = request.user_message or None
    parameters = turn.parameters
    system_messages = [message for message in request.messages if message.get("role") == "system"]
    variables = request.chat_variables or {}
    return {
        "tool_approval_resume": None,
        "user_id": turn.user.id,
        "user_agent": turn.ctx.user_agent,
        "internal": turn.is_internal,
        "chat_id": request.chat_id,
        "message_id": get_message_id(turn),
        "user_message": {**question, **_describe_author(turn)} if question and turn.is_stored else question,
        "user_message_id": question.get("id") if question else None,
        "assistant_message_id": request.assistant_message_id,
        "regeneration_message_id": request.regeneration_message_id,
        "session_id": request.session_id,
        "automation_id": turn.ctx.automation_id or None,
        "folder_id": body.get("folder_id"),
        "filter_ids": body.get("filter_ids", []),
        **{name: body.get(name) for name in _BODY_FIELDS},
        "features": request.features,
        "variables": request.variables,
        "chat_variables": variables,
        "chat_context": {
            "messages": system_messages,
            "params": {"system": request.params["system"]} if "system" in request.params else {},
            "chat_variables": variables,
        },
        "model": turn.model.entry,
        "direct": False,
        "include_file_context": turn.is_stored and body.get("tools") is None and _has_builtin_tools(turn),
        **({"task_id": turn.sink.task_id} if turn.sink.task_id else {}),
        "params": {
            "stream_delta_chunk_size": parameters.get("stream_delta_chunk_size"),
            "reasoning_tags": parameters.get("reasoning_tags"),
            "compact_token_threshold": parameters.get("compact_token_threshold"),
            "function_calling": parameters.get("function_calling") or "native",
            "tool_approval_mode": parameters.get("tool_approval_mode") or "full",
            "model_controls": request.model_controls,
        },
        **({"selected_model_id": turn.selected_model_id} if turn.selected_model_id else {}),
    }


def build_request_metadata(turn: Turn) -> Json:
    """Return what is added to the metadata before the model is asked: filters of requests and pipes see it."""
    body = turn.request.body
    skill_ids = [*_list_texts(body.get("skill_ids")), *_list_texts(turn.model.own_meta.get("skillIds"))]
    return {
        "chat_context": {"skill_versions": {}, "mentioned_skill_ids": [], **turn.metadata.get("chat_context", {})},
        "terminal_id": body.get("terminal_id"),
        "model_id": turn.model.id,
        "skill_ids": sorted(set(skill_ids)),
        **({"tools": _describe_tools(turn)} if turn.tools else {}),
        "sources": msgspec.to_builtins(turn.sources),
        **({} if "base_user_prompt" in turn.metadata else build_base_prompts(turn)),
    }


def _describe_tools(turn: Turn) -> Json:
    return {
        name: {"tool_id": tool.tool_id, "spec": tool.spec, "type": _TOOL_TYPES.get(tool.kind, tool.kind)}
        for name, tool in turn.tools.items()
    }


def build_base_prompts(turn: Turn) -> Json:
    """Return the prompts as they are before sources are added to them."""
    system = system_messages.find_system_message(turn.messages)
    return {
        "base_system_prompt": (system_messages.get_text(system) if system is not None else "") or None,
        "base_user_prompt": turn.question,
    }


def get_message_id(turn: Turn) -> str | None:
    """Return the message of the answer; API clients may name one in a chat that they keep themselves."""
    slots = turn.request.slots
    return turn.message_id or (slots[0].message_id if slots else None) or None


def has_page(turn: Turn) -> bool:
    """Return whether the turn belongs to a message that a page may show."""
    return bool(turn.request.chat_id and get_message_id(turn))


def _describe_author(turn: Turn) -> Json:
    """Return the fields that the chat stores of who has asked."""
    return {"user_id": turn.user.id, "user": {"id": turn.user.id, "name": turn.user.name}}


def _has_builtin_tools(turn: Turn) -> bool:
    if turn.location.note_id:
        return True
    capabilities = (turn.model.entry_info.get("meta") or {}).get("capabilities") or {}
    is_legacy = turn.parameters.get("function_calling") == "legacy"
    return bool(turn.request.session_id) and not is_legacy and bool(capabilities.get("builtin_tools", True))


def _list_texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
