"""Messages of an answer's output items; plugins import this from `open_webui.utils.misc`."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def convert_output_to_messages(
    output: Any, raw: bool = False, reasoning_format: str | None = None, flatten_tool_images: bool = False
) -> list[Json]:
    """Return the messages for a model server: answers, and calls of tools with their results."""
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    results = {item.get("call_id"): item for item in items if item.get("type") == "function_call_output"}
    messages: list[Json] = []
    answer: Json = {"role": "assistant", "content": ""}

    def finish_answer() -> None:
        nonlocal answer
        if len(answer) > 2 or answer["content"]:
            messages.append(answer)
        answer = {"role": "assistant", "content": ""}

    for item in items:
        kind = item.get("type")
        if kind == "message":
            if answer.get("tool_calls"):
                finish_answer()
            answer["content"] = "\n".join(filter(None, [answer["content"], _join_texts(item.get("content"))]))
        elif kind == "reasoning" and reasoning_format:
            _add_reasoning(answer, _join_texts(item.get("summary") or item.get("content")), reasoning_format)
        elif kind == "function_call" and item.get("call_id") in results:
            function = {"name": item.get("name", ""), "arguments": item.get("arguments") or "{}"}
            call = {"id": item["call_id"], "type": "function", "function": function}
            answer.setdefault("tool_calls", []).append(call)
        elif kind == "function_call_output" and any(
            call["id"] == item.get("call_id") for call in answer.get("tool_calls", ())
        ):
            calls = answer["tool_calls"]
            finish_answer()
            messages += [_build_result(call["id"], results[call["id"]]) for call in calls]
    finish_answer()
    return messages


def _build_result(call_id: str, item: Json) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": _join_texts(item.get("output"))}


def _join_texts(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(str(part.get("text") or "") for part in parts or () if isinstance(part, dict))


def _add_reasoning(answer: Json, text: str, reasoning_format: str) -> None:
    if reasoning_format == "think_tags":
        answer["content"] += f"<think>{text}</think>\n"
    else:
        name = "thinking" if reasoning_format == "thinking" else "reasoning_content"
        answer[name] = "\n".join(filter(None, [answer.get(name, ""), text]))
