"""Questions to the user: the model asks before it goes on.

In a stored chat the turn ends with the question, and goes on with the answer (`tools/approval.py`); the page may be
closed meanwhile. In other chats the page is asked at once.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    array,
    flag,
    integer,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn

Json = dict[str, Any]

ASK_USER = "ask_user"
#: Milliseconds that the page waits for an answer: by default, at least and at most.
_DEFAULT_TIMEOUT, _MIN_TIMEOUT, _MAX_TIMEOUT = 120_000, 60_000, 240_000
_OPTION = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "description": {"type": "string"}},
    "required": ["label", "description"],
}
_QUESTION = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "header": {"type": "string"},
        "question": {"type": "string"},
        "options": {"type": "array", "items": _OPTION},
    },
    "required": ["id", "header", "question", "options"],
}


class QuestionTools(BuiltinGroup):
    """`ask_user`."""

    category = "user_input"
    has_fixed_tools = True

    def __init__(self, page_calls: PageCalls) -> None:
        self._page_calls = page_calls

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return not turn.is_internal  # the chat of a subagent is not shown

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                ASK_USER,
                "Ask the user before going on, where the next step depends on what they want or prefer, and cannot be "
                "inferred safely. Call it on its own.",
                [
                    array(
                        "questions",
                        "One to three questions with two or three options each; the recommended option comes first",
                        _QUESTION,
                    ),
                    flag("allow_other", "Whether the user may answer in their own words", True),
                    integer("timeout_ms", "Milliseconds that the page waits for the answer", _DEFAULT_TIMEOUT),
                ],
                self._ask,
            )
        ]

    async def _ask(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn = context.turn
        form = normalize_questions(
            {
                "questions": arguments.array("questions"),
                "allow_other": arguments.flag("allow_other"),
                "timeout_ms": arguments.integer("timeout_ms"),
            }
        )
        event = {"type": "request:user_input", "data": form}
        data = {"chat_id": turn.request.chat_id, "message_id": turn.message_id, "data": event}
        reply = await self._page_calls.call(turn.request.session_id, turn.user.id, data)
        if not isinstance(reply, dict):
            return {"status": "error", "error": "Invalid user input response."}
        if reply.get("error"):
            return {"status": "error", "error": reply["error"]}
        if reply.get("status") == "cancelled":
            return {"status": "cancelled", "answers": {}}
        return {"status": "answered", "answers": reply.get("answers") or {}}


def parse_questions(arguments: str) -> Json:
    """Return the arguments of a call as the page shows them.

    Raises:
        ToolError: they are invalid; the text is for the model.
    """
    try:
        form = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError as error:
        raise ToolError(str(error)) from None
    if not isinstance(form, dict):
        raise ToolError("ask_user arguments must be an object.")
    return normalize_questions(form)


def normalize_questions(form: Json) -> Json:
    """Return the questions with texts of limited length and all fields that the page shows.

    Raises:
        ToolError: they are invalid; the text is for the model.
    """
    questions = form.get("questions")
    if not isinstance(questions, list):
        raise ToolError("ask_user questions must be an array of question objects.")
    if not 1 <= len(questions) <= 3:
        raise ToolError("ask_user requires 1-3 questions.")
    allow_other = bool(form.get("allow_other", True))
    normalized: list[Json] = []
    for number, question in enumerate(questions, 1):
        entry = _normalize_question(question, number, allow_other=allow_other)
        if any(entry["id"] == earlier["id"] for earlier in normalized):
            raise ToolError(f"Duplicate question id: {entry['id']}")
        normalized.append(entry)
    timeout = form.get("timeout_ms", _DEFAULT_TIMEOUT)
    is_valid = isinstance(timeout, int) and not isinstance(timeout, bool) and _MIN_TIMEOUT <= timeout <= _MAX_TIMEOUT
    return {
        "questions": normalized,
        "allow_other": allow_other,
        "timeout_ms": timeout if is_valid else _DEFAULT_TIMEOUT,
    }


def _normalize_question(question: Any, number: int, *, allow_other: bool) -> Json:
    if not isinstance(question, dict):
        raise ToolError("Each question must be an object.")
    question_id = _cut(question.get("id"), 64)
    if not question_id:
        raise ToolError("Each question requires a non-empty id.")
    options = question.get("options")
    if not isinstance(options, list) or not 2 <= len(options) <= 3:
        raise ToolError("Each question requires 2-3 options.")
    content = _cut(question.get("question"), 500)
    normalized_options = [_normalize_option(option) for option in options]
    if not content:
        raise ToolError("Each question requires question text.")
    return {
        "id": question_id,
        "header": _cut(question.get("header"), 48) or f"Question {number}",
        "question": content,
        "options": normalized_options,
        "allow_other": bool(question.get("allow_other", allow_other)),
    }


def _normalize_option(option: Any) -> Json:
    if not isinstance(option, dict):
        raise ToolError("Each option must be an object.")
    label, description = _cut(option.get("label"), 80), _cut(option.get("description"), 240)
    if not label or not description:
        raise ToolError("Each option requires a label and description.")
    return {"label": label, "description": description}


def _cut(value: Any, length: int) -> str:
    return str(value or "").strip()[:length]
