"""The question that a timer asks: what its turn has chosen is chosen again."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.completions.turn import Turn
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.features.chats.timers.store import Timer
from fastback.kit.clock import clock

Json = dict[str, Any]

#: Fields of a request that are lists, and those that are objects.
_LISTS, _OBJECTS = ("tool_ids", "skill_ids", "filter_ids", "files"), ("features", "variables")


def describe_turn(turn: Turn) -> Json:
    """Return what a timer keeps of the turn that sets it, in the format of Open WebUI."""
    request, body = turn.request, turn.request.body
    system = [message for message in request.messages if message.get("role") == "system"]
    return {
        "model_id": turn.model.id,
        "session_id": request.session_id,
        "chat_context": {
            "messages": system,
            "params": {"system": request.params["system"]} if "system" in request.params else {},
            "chat_variables": request.chat_variables or {},
        },
        "terminal_id": body.get("terminal_id"),
        **{name: body.get(name) or [] for name in _LISTS},
        **{name: body.get(name) or {} for name in _OBJECTS},
    }


def read_prompt(message: Json) -> str:
    """Return the text of the message with the prompt."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(str(part.get("text", "")) for part in parts)


def build_timer_request(timer: Timer, prompt: str, parent_id: str | None) -> TurnRequest | None:
    """Return the request that asks a timer's prompt below a message; None where the timer names no model.

    The ids of its messages follow from that of the timer, so that it is asked once.
    """
    meta = timer.meta or {}
    run = _get_object(meta, "run")
    model_id = run.get("model_id") or meta.get("timer_model_id")
    if not isinstance(model_id, str) or not model_id:
        return None
    context, chat_id = _get_object(run, "chat_context"), str(meta.get("parent_chat_id"))
    question_id, answer_id = (_derive_id(timer, name) for name in ("question", "answer"))
    question = {
        "id": question_id,
        "parentId": parent_id,
        "childrenIds": [answer_id],
        "role": "user",
        "content": prompt,
        "model": model_id,
        "models": [model_id],
        "meta": {"internal": True, "type": "timer", "timer_id": timer.id},
        "timestamp": int(clock.time()),
    }
    system = [message for message in _get_list(context, "messages") if isinstance(message, dict)]
    body: Json = {
        **{name: items for name in _LISTS if (items := _get_list(run, name))},
        **{name: fields for name in _OBJECTS if (fields := _get_object(run, name))},
        "model": model_id,
        "params": _get_object(context, "params"),
        "messages": [*system, {"role": "user", "content": prompt}],
        "stream": True,
        "chat_id": chat_id,
        "id": answer_id,
        "parent_id": parent_id,
        "user_message": question,
        "session_id": run.get("session_id") or f"timer:{chat_id}",
        "background_tasks": {},
        "chat_variables": context.get("chat_variables"),
    }
    if run.get("terminal_id"):
        body["terminal_id"] = run["terminal_id"]
    return parse_turn_request(body)


def _derive_id(timer: Timer, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{timer.id} {name}"))


def _get_object(value: Json, name: str) -> Json:
    item = value.get(name)
    return item if isinstance(item, dict) else {}


def _get_list(value: Json, name: str) -> list[Any]:
    item = value.get(name)
    return item if isinstance(item, list) else []
