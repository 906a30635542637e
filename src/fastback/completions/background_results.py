"""The results of subagents in the background, as questions that continue their chats."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback.completions.background_run_store import BackgroundRun
from fastback.completions.turn_request import TurnRequest, parse_turn_request
from fastback.features.chats.document import Document
from fastback.features.chats.messages.message_tree import walk_to_root

Json = dict[str, Any]


class SubagentResult(msgspec.Struct):
    """What has become of a subagent: `status` is `completed`, `error` or `interrupted`."""

    status: str
    text: str
    seconds: float | None = None


def build_request(run: BackgroundRun, text: str, parent_id: str | None) -> TurnRequest:
    """Return the request that asks the model of the chat about a result."""
    question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
    question: Json = {
        "id": question_id,
        "parentId": parent_id,
        "childrenIds": [answer_id],
        "role": "user",
        "content": text,
        "model": run.model_id,
        "models": [run.model_id],
        "meta": {
            "internal": True,
            "type": "subagent",
            "delegation_id": run.id,
            "subagent_chat_id": run.subagent_chat_id,
        },
    }
    system = [{"role": "system", "content": run.system_prompt}] if run.system_prompt else []
    return parse_turn_request(
        {
            **run.fields,
            "model": run.model_id,
            "messages": [*system, {"role": "user", "content": text}],
            "stream": True,
            "chat_id": run.chat_id,
            "id": answer_id,
            "parent_id": parent_id,
            "user_message": question,
            "session_id": run.session_id,
            "background_tasks": {},
        }
    )


def find_parent_id(document: Document) -> str | None:
    """Return the last finished answer of the branch that the page shows."""
    for message in walk_to_root(document.opening_message_id, document.find_message):
        if message.get("role") == "assistant" and message.get("done") is not False:
            return str(message["id"])
    return document.current_id


def describe_result(run: BackgroundRun, result: SubagentResult) -> str:
    duration = f"   Duration: {result.seconds:.1f}s" if result.seconds is not None else ""
    lines = [
        f"[ASYNC SUBAGENT COMPLETE - {run.id}]",
        "A subagent that you left in the background has finished. Use its result, or go on without it.",
        "",
        f"Original task: {run.task}",
        *([f"Context provided: {run.context}"] if run.context else []),
        f"Subagent chat: {run.subagent_chat_id}",
        f"Status: {result.status}{duration}",
        "--- RESULT ---",
        result.text,
    ]
    return "\n".join(lines)
