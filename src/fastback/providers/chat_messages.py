"""Messages of chat completions, read part by part for servers of other APIs; malformed ones are refused.

Format: OpenAI's API reference, `POST /v1/chat/completions`. A server of that API gets messages as they are.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.http.errors import BadRequest

Message = dict[str, Any]
Part = dict[str, Any]

#: Types of parts that hold text: those of chat completions, and those that clients of other APIs send.
TEXT_TYPES = ("text", "input_text", "output_text")


class ToolCall(msgspec.Struct):
    """A call of a tool. `arguments` is the JSON text that the model wrote."""

    id: str
    index: int
    name: str
    arguments: str


def list_parts(message: Message) -> list[Part]:
    """Return the content of a message as parts; a refusal that has a field of its own is one of them.

    Raises:
        BadRequest: the content is neither a text nor a list of objects, or a text in it is no text.
    """
    content = message.get("content")
    if content is None or content == "":
        refusal = message.get("refusal")
        return [{"type": "refusal", "refusal": refusal}] if isinstance(refusal, str) and refusal else []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise BadRequest("The content of a message must be a text or a list of objects.")
    for part in content:
        if part.get("type") in TEXT_TYPES and not isinstance(part.get("text") or "", str):
            raise BadRequest("The text of a part of a message must be a text.")
    return content


def get_text(part: Part) -> str | None:
    """Return the text of a part; None where it holds something else."""
    if part.get("type") == "refusal":
        return str(part.get("refusal") or "")
    return part.get("text") or "" if part.get("type") in TEXT_TYPES else None


def join_text(message: Message) -> str:
    """Return the texts of a message, joined by line breaks.

    Raises:
        BadRequest: as `list_parts`.
    """
    return "\n".join(text for part in list_parts(message) if (text := get_text(part)))


def list_tool_calls(message: Message) -> list[ToolCall]:
    """Return the calls of a message, also one in the older field `function_call`; its name is its id, too.

    Raises:
        BadRequest: the calls are no list of objects, or a function is no object.
    """
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise BadRequest("The tool_calls of a message must be a list of objects.")
    tool_calls = [_read_call(call, index) for index, call in enumerate(calls)]
    function = message.get("function_call")
    if function and not tool_calls:
        name = _read_function(function)[0]
        tool_calls = [_read_call({"id": name, "function": function}, 0)]
    return tool_calls


def _read_call(call: dict[str, Any], index: int) -> ToolCall:
    call_id, number = call.get("id"), call.get("index")
    name, arguments = _read_function(call.get("function"))
    return ToolCall(
        id=call_id if isinstance(call_id, str) else "",
        index=number if isinstance(number, int) else index,
        name=name,
        arguments=arguments,
    )


def _read_function(function: Any) -> tuple[str, str]:
    """Return the name and the arguments of a function."""
    if not isinstance(function, dict):
        raise BadRequest("The function of a tool call must be an object.")
    name, arguments = function.get("name") or "", function.get("arguments") or "{}"
    if not isinstance(name, str):
        raise BadRequest("The name of a function must be a text.")
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    if not isinstance(arguments, str):
        raise BadRequest("The arguments of a function must be JSON as a text.")
    return name, arguments


def find_call_id(message: Message) -> str:
    """Return which call a result belongs to; in the older form it is named by its function."""
    call_id = message.get("tool_call_id") or message.get("name") or ""
    return call_id if isinstance(call_id, str) else ""


def is_result(message: Message) -> bool:
    """Return whether a message is the result of a tool, or in the older form of a function."""
    return message.get("role") in ("tool", "function")
