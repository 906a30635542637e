"""The metadata of a turn as plugins see them: `__metadata__`, with Open WebUI's keys."""

from __future__ import annotations

from typing import Any

from fastback.completions.turn import Turn

Json = dict[str, Any]

#: Roles and fields of the request that are repeated in the metadata.
_BODY_FIELDS = ("automation_id", "folder_id", "tool_ids", "tool_servers", "files")


def build_metadata(turn: Turn) -> Json:
    """Return the metadata of a turn before its first filter runs."""
    request, body = turn.request, turn.request.body
    question = request.user_message or None
    parameters = turn.parameters
    system_messages = [message for message in request.messages if message.get("role") == "system"]
    variables = request.chat_variables or {}
    return {
        "tool_approval_resume": None,
        "user_id": turn.user.id,
        "user_agent": turn.ctx.user_agent,
        "internal": False,
        "chat_id": request.chat_id,
        "message_id": turn.message_id or None,
        "user_message": question,
        "user_message_id": question.get("id") if question else None,
        "assistant_message_id": request.assistant_message_id,
        "regeneration_message_id": request.regeneration_message_id,
        "session_id": request.session_id,
        **{name: body.get(name) for name in _BODY_FIELDS},
        "filter_ids": body.get("filter_ids") or [],
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
