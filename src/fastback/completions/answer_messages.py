"""From the output items of a stored answer to messages: text, tool calls with their results, the images of results."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.answer_items import CODE_ITEM

Message = dict[str, Any]
Item = dict[str, Any]


def convert_output(output: list[Any], reasoning_field: str | None) -> list[Message]:
    """Convert the output items of one answer.

    Each round of tool calls is a message, followed by its results; a call without a result is left out, as servers
    refuse it. `reasoning_field` names the field for reasoning; without it reasoning is left out.
    """
    items = [item for item in output if isinstance(item, dict)]
    answered_ids = {call_id for item in items if item.get("type") == "function_call_output" and (call_id := _id(item))}
    called_ids = {call_id for item in items if item.get("type") == "function_call" and (call_id := _id(item))}
    conversion = _Conversion(answered_ids & called_ids, reasoning_field)
    for item in items:
        conversion.add(item)
    return conversion.finish()


def _id(item: Item) -> str | None:
    call_id = item.get("call_id")
    return call_id if isinstance(call_id, str) and call_id else None


def _list_parts(value: Any) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _join_text(parts: Any) -> str:
    return "".join(str(part.get("text") or "") for part in _list_parts(parts))


class _Conversion:
    """The messages of one answer, while its items are added in their order."""

    def __init__(self, paired_ids: set[str], reasoning_field: str | None) -> None:
        self._paired_ids = paired_ids
        self._reasoning_field = reasoning_field
        self._messages: list[Message] = []
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        #: Images of the results: only a question can show them to a model.
        self._image_urls: list[str] = []

    def add(self, item: Item) -> None:
        kind = item.get("type")
        if kind == "function_call_output":
            if _id(item) in self._paired_ids:
                self._add_result(item)
            return
        self._flush_images()
        if kind == "message":
            self._add_text(_join_text(item.get("content")))
        elif kind == "reasoning" and self._reasoning_field:
            text = _join_text(item.get("summary")) or _join_text(item.get("content"))
            self._thoughts += [text] if text else []
        elif kind == "function_call" and _id(item) in self._paired_ids:
            self._calls.append({"id": item["call_id"], "type": "function", "function": _convert_function(item)})
        elif kind == CODE_ITEM:
            self._add_code(item)

    def finish(self) -> list[Message]:
        self._flush_images()
        self._flush_message()
        return self._messages

    def _add_text(self, text: str) -> None:
        if text.strip():
            self._texts.append(text)

    def _add_code(self, item: Item) -> None:
        """Add code that ran during the answer, and what it returned: the model must not run it again."""
        result = item.get("output")
        if isinstance(result, dict):
            # With the errors: a model that is not shown them would write the same code again.
            outputs = [str(output) for name in ("stdout", "result", "stderr") if (output := result.get(name))]
            result = "\n".join(dict.fromkeys(outputs))
        for name, value in (("code_interpreter", item.get("code")), ("code_interpreter_output", result)):
            if value:
                self._texts.append(f"<{name}>\n{value}\n</{name}>")

    def _add_result(self, item: Item) -> None:
        self._flush_message()
        result = item.get("output")
        text = _join_text(result) if isinstance(result, list) else str(result or "")
        self._messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": text})
        urls = [part.get("image_url") for part in _list_parts(result) if part.get("type") == "input_image"]
        self._image_urls += [url for url in urls if isinstance(url, str) and url]

    def _flush_message(self) -> None:
        if not self._texts and not self._calls and not self._thoughts:
            return
        message: Message = {"role": "assistant", "content": "\n".join(self._texts)}
        if self._calls:
            message["tool_calls"] = self._calls
        if self._thoughts and self._reasoning_field:
            message[self._reasoning_field] = "\n".join(self._thoughts)
        self._messages.append(message)
        self._texts, self._calls, self._thoughts = [], [], []

    def _flush_images(self) -> None:
        if not self._image_urls:
            return
        text = "These are the images in the results of the tools above."
        images = [{"type": "image_url", "image_url": {"url": url}} for url in self._image_urls]
        self._messages.append({"role": "user", "content": [{"type": "text", "text": text}, *images]})
        self._image_urls = []


def _convert_function(item: Item) -> dict[str, str]:
    """Return the name and the arguments of a call, as the model wrote them."""
    written = item.get("provider_function")
    function = written if isinstance(written, dict) else item
    arguments = function.get("arguments") or "{}"
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return {"name": str(function.get("name") or ""), "arguments": arguments}
