"""Decisions on tool calls of an answer that wait for a user: approved, rejected, or answered in place of the tool."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import turn_store
from fastback.features.chats.schemas import ResolveForm
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, Conflict, Forbidden, NotFound

Item = dict[str, Any]

#: The statuses of a tool call that waits for a decision.
UNDECIDED = frozenset({"pending", "queued", "requires_approval"})
#: Fields of a request that a message keeps while it waits.
_RESUMED_FIELDS = ("filter_ids", "tool_ids", "skill_ids", "terminal_id", "tool_servers")
#: The only tool that users answer themselves.
_ASK = "ask_user"


class Resolution(msgspec.Struct):
    """The output items of the answer after a decision, and whether a turn continues from them."""

    output: list[Item]
    continues: bool


def _get_call_id(item: Item) -> Any:
    return item.get("call_id") or item.get("id")


def list_open_calls(output: list[Item], *, with_completed: bool = False) -> list[Item]:
    """Return the calls that have no result yet, and may still get one.

    `with_completed` includes calls that are complete but have not run.
    """
    statuses = UNDECIDED | {"in_progress"} | ({"completed"} if with_completed else set())
    answered_ids = {item.get("call_id") for item in output if item.get("type") == "function_call_output"}
    return [
        item
        for item in output
        if item.get("type") == "function_call"
        and _get_call_id(item) not in answered_ids
        and item.get("status") in statuses
    ]


def create_continuation() -> Item:
    """Create the empty message in which the model goes on."""
    return {
        "type": "message",
        "id": f"msg_{uuid.uuid4().hex}",
        "status": "in_progress",
        "role": "assistant",
        "content": [{"type": "output_text", "text": ""}],
    }


def _require_undecided_call(output: list[Item], form: ResolveForm) -> Item:
    """Return the call that a decision names.

    Raises:
        NotFound: there is no such call. Conflict: it was already decided.
    """
    call = next(
        (item for item in output if item.get("type") == "function_call" and _get_call_id(item) == form.call_id),
        None,
    )
    if call is None:
        raise NotFound("Tool call not found.")
    call.setdefault("call_id", form.call_id)
    is_answered = any(
        item.get("type") == "function_call_output" and item.get("call_id") == form.call_id for item in output
    )
    if is_answered or call.get("status") not in UNDECIDED or call.get("approved") is True:
        raise Conflict("Tool call has already been resolved.")
    return call


def _build_result(form: ResolveForm, text: str, status: str) -> Item:
    return {
        "type": "function_call_output",
        "id": f"fco_{form.call_id}",
        "call_id": form.call_id,
        "output": [{"type": "input_text", "text": text}],
        "status": status,
    }


def _encode_answer(form: ResolveForm) -> str:
    if form.timed_out:
        return msgspec.json.encode({"status": "cancelled", "answers": {}, "timed_out": True}).decode()
    return msgspec.json.encode({"status": "answered", "answers": form.answers or {}}).decode()


def apply_decision(output: list[Item], form: ResolveForm) -> bool:
    """Write a decision into the output items of an answer, and return whether a turn continues from them.

    It does when an approved call is to be executed, or when no other call waits for a decision; where a call is being
    executed already, that turn goes on with what was decided.

    Raises:
        NotFound: there is no such call. Conflict: it was already decided. BadRequest: the action does not fit the tool.
    """
    call = _require_undecided_call(output, form)
    is_running = any(
        item.get("approved") is True or item.get("status") == "in_progress" for item in list_open_calls(output)
    )
    is_question = call.get("name") == _ASK
    if form.action == "approve":
        if is_question:
            raise BadRequest("ask_user requires an answer or deny.")
        call["status"], call["approved"] = "queued", True
        return not is_running
    if form.action == "reject":
        call["status"] = "rejected"
        output.append(_build_result(form, "Error: tool call rejected by user.", "rejected"))
    else:
        if not is_question:
            raise BadRequest("Tool call does not accept answers.")
        if form.answers is None and not form.timed_out:
            raise BadRequest("Answers are required for ask_user.")
        call["status"] = "completed"
        output.append(_build_result(form, _encode_answer(form), "completed"))
    waiting = list_open_calls(output)
    if is_running:
        return False
    if waiting:
        waiting[0]["status"] = "pending"
        return False
    output.append(create_continuation())
    return True


async def resolve_tool_call(
    db: Database, chat_id: str, message_id: str, owner_id: str, user: User, form: ResolveForm
) -> Resolution:
    """Apply a user's decision to a tool call, in the document and in the row of its answer.

    Raises:
        HttpError: see `apply_decision`; also if the answer does not exist or belongs to another user.
    """
    resolved = Resolution([], False)

    def edit(document: Document) -> Message:
        message = document.find_message(message_id)
        if not message:
            raise NotFound(messages.NOT_FOUND)
        if (message.get("user_id") or owner_id) != user.id:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        output = message.get("output") or []
        if not isinstance(output, list):
            raise BadRequest("Message has no resolvable output.")
        resolved.output = [item for item in output if isinstance(item, dict)]
        resolved.continues = apply_decision(resolved.output, form)
        message |= {"output": resolved.output, "done": False}
        document.put_message(message_id, message)
        return message

    await turn_store.edit_message(db, chat_id, message_id, edit, touch=False)
    return resolved


async def build_continuation(db: Database, chat_id: str, message_id: str, user: User) -> dict[str, Any]:
    """Build the request that lets the model continue an answer, as its page would send it.

    Raises:
        Conflict: the question or the model's name is missing. NotFound: the chat or the answer does not exist.
    """
    row = await turn_store.find_chat_document(db, chat_id)
    document = await Document.load(db, row.chat) if row is not None else None
    answer = document.find_message(message_id) if document is not None else None
    if row is None or document is None or answer is None:
        raise NotFound(messages.NOT_FOUND)
    question = document.find_message(str(answer.get("parentId") or ""))
    if question is None:
        raise Conflict("Tool call parent message is missing.")
    model_id = answer.get("model") or next(iter(document.get_field("models") or []), None)
    if not model_id:
        raise Conflict("Tool call message model is missing.")
    meta = answer.get("meta") if isinstance(answer.get("meta"), dict) else {}
    assert isinstance(meta, dict)
    is_own = row.user_id == user.id
    chat_params = (document.get_field("params") or {}) if is_own else {}
    params = {**chat_params, **(meta.get("params") or {})}
    if chat_params.get("tool_approval_mode") in ("ask", "full"):
        params["tool_approval_mode"] = chat_params["tool_approval_mode"]
    params.setdefault("tool_approval_mode", "ask")
    system = params.get("system")
    return {
        "stream": params.get("stream_response", True),
        "model": model_id,
        "messages": [{"role": "system", "content": system}] if system else [],
        "params": params,
        "files": meta["files"] if "files" in meta else document.get_field("files"),
        **{name: meta.get(name) or None for name in _RESUMED_FIELDS},
        "features": meta.get("features") or {},
        "variables": meta.get("variables") or {},
        "chat_variables": (row.variables or {}) if is_own else {},
        "session_id": meta.get("session_id"),
        "chat_id": chat_id,
        "id": message_id,
        "parent_id": question.get("parentId"),
        "user_message": question,
        "assistant_message_id": message_id,
    }
