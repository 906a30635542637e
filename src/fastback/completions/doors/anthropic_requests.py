"""Requests of Anthropic's Messages API converted to chat completions.

Format: Anthropic's API reference, `POST /v1/messages`: `system` (text or blocks), `messages` with blocks `text`,
`image`, `thinking`, `tool_use`, `tool_result`; any block may carry `cache_control`, which is converted too.
"""

from __future__ import annotations

from typing import Any

import msgspec

Body = dict[str, Any]

#: Fields that are converted; any other is sent to a server only where its connection lists it in `passthrough_params`.
_CONVERTED_FIELDS = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "metadata",
        "service_tier",
        "tools",
        "tool_choice",
        "reasoning_effort",
    }
)
#: Fields that both APIs have.
_COMMON_FIELDS = ("temperature", "top_p", "top_k", "stream", "metadata", "service_tier")


def _to_dict(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _list_dicts(value: Any) -> list[Body]:
    """Return the objects of a list; other values are skipped."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _copy_cache_control(block: Body, converted: Body) -> Body:
    """Return the converted block with the `cache_control` of the original."""
    return {**converted, "cache_control": block["cache_control"]} if "cache_control" in block else converted


def _simplify_content(parts: list[Body]) -> str | list[Body]:
    """Return content in its shortest form: a single plain text is not a list."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].get("type") == "text" and "cache_control" not in parts[0]:
        return str(parts[0].get("text") or "")
    return parts


def _convert_image(block: Body) -> Body | None:
    source = _to_dict(block.get("source"))
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type') or 'image/png'};base64,{source.get('data') or ''}"
    elif source.get("type") == "url":
        url = source.get("url") or ""
    else:
        return None
    return _copy_cache_control(block, {"type": "image_url", "image_url": {"url": url}})


def _format_document(block: Body) -> str:
    source = _to_dict(block.get("source"))
    lines = [f"[Document: {block.get('title') or 'Document'}]", block.get("context")]
    lines.append(source.get("data") if source.get("type") == "text" else None)
    return "\n".join(str(line) for line in lines if line)


def _format_search_result(block: Body) -> str:
    source = block.get("source")
    text_blocks = [part for part in _list_dicts(block.get("content")) if part.get("type") == "text"]
    text = "\n".join(str(part.get("text") or "") for part in text_blocks)
    lines = [f"[Search Result: {block.get('title') or ''}]", f"Source: {source}" if source else "", text]
    return "\n".join(line for line in lines if line)


def _convert_block(block: Any) -> Body | None:
    """Return a block as a part of a message's content; None for kinds that cannot be one."""
    if not isinstance(block, dict):
        return None
    kind = block.get("type", "text")
    if kind == "text":
        return _copy_cache_control(block, {"type": "text", "text": block.get("text") or ""})
    if kind == "image":
        return _convert_image(block)
    # A server does not accept its own reasoning again without the signature that it gave it.
    if kind == "redacted_thinking" or (kind == "thinking" and block.get("signature")):
        return dict(block)
    return None


def _convert_result_block(block: Any) -> Body | None:
    """Return a block of a tool's result as a part of a message's content."""
    kind = block.get("type", "text") if isinstance(block, dict) else None
    if kind == "document":
        return {"type": "text", "text": _format_document(block)}
    if kind == "search_result":
        return {"type": "text", "text": _format_search_result(block)}
    return _convert_block(block) if kind in ("text", "image") else None


def _convert_tool_result(block: Body) -> Body:
    blocks = block.get("content") or ""
    content: str | list[Body] = ""
    if isinstance(blocks, str):
        content = blocks
    elif isinstance(blocks, list):
        parts = [part for result_block in blocks if (part := _convert_result_block(result_block)) is not None]
        if all(part["type"] == "text" and "cache_control" not in part for part in parts):
            content = "\n".join(part["text"] for part in parts)
        else:
            content = parts
    if block.get("is_error"):
        error = {"type": "text", "text": "Error: "}
        content = f"Error: {content}" if isinstance(content, str) else [error, *content]
    return {"role": "tool", "tool_call_id": block.get("tool_use_id") or "", "content": content}


def _convert_call(block: Body) -> Body:
    tool_input = block.get("input", {})
    arguments = msgspec.json.encode(tool_input).decode() if isinstance(tool_input, dict) else str(tool_input)
    function = {"name": block.get("name") or "", "arguments": arguments}
    return {"id": block.get("id") or "", "type": "function", "function": function}


def _convert_message(message: Body) -> list[Body]:
    """Return the messages that one message becomes: results of tools are messages of their own."""
    role, content = message.get("role", "user"), message.get("content")
    if not isinstance(content, list):
        return [{"role": role, "content": str(content) if content else ""}]
    blocks = _list_dicts(content)
    converted = [_convert_tool_result(block) for block in blocks if block.get("type") == "tool_result"]
    parts = [part for block in blocks if (part := _convert_block(block)) is not None]
    calls = [_convert_call(block) for block in blocks if block.get("type") == "tool_use"]
    if calls:
        converted.append({"role": role, "content": _simplify_content(parts), "tool_calls": calls})
    elif parts or role == "assistant":
        converted.append({"role": role, "content": _simplify_content(parts)})
    return converted


def _convert_system(system: Any) -> list[Body]:
    """Return the system prompt, a text or blocks, as a list of at most one message."""
    if isinstance(system, str) and system:
        return [{"role": "system", "content": system}]
    if not isinstance(system, list) or not system:
        return []
    parts = [
        _copy_cache_control(block, {"type": "text", "text": block.get("text") or ""})
        if isinstance(block, dict)
        else {"type": "text", "text": block}
        for block in system
        if isinstance(block, str) or (isinstance(block, dict) and block.get("type") == "text")
    ]
    return [{"role": "system", "content": _simplify_content(parts)}]


def _select_passthrough(body: Body, names: Any) -> Body:
    """Return the unknown fields that a connection wants: `names` is a list, a text with commas, or `*` for all."""
    if isinstance(names, str):
        names = names.split(",")
    allowed = {str(name).strip() for name in names} if isinstance(names, list) else set()
    return {
        key: value for key, value in body.items() if key not in _CONVERTED_FIELDS and ("*" in allowed or key in allowed)
    }


def _convert_output_config(config: Any) -> Body:
    converted: Body = {}
    if not isinstance(config, dict):
        return converted
    if "effort" in config:
        converted["reasoning_effort"] = config["effort"]
    output_format = config.get("format")
    output_format = output_format if isinstance(output_format, dict) else {}
    kind = output_format.get("type")
    if kind == "json_object":
        converted["response_format"] = {"type": kind}
    elif kind == "json_schema":
        schema = {"name": output_format.get("name", "response_schema"), "schema": output_format.get("schema", {})}
        schema |= {name: output_format[name] for name in ("description", "strict") if name in output_format}
        converted["response_format"] = {"type": kind, "json_schema": schema}
    return converted


def _convert_tools(body: Body) -> Body:
    tools = _list_dicts(body.get("tools"))
    if not tools:
        return {}  # servers refuse an empty list
    converted: Body = {"tools": []}
    for tool in tools:
        function = {"name": tool.get("name") or "", "description": tool.get("description") or ""}
        function["parameters"] = tool.get("input_schema") or {}
        converted["tools"].append(_copy_cache_control(tool, {"type": "function", "function": function}))
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return converted
    kind = choice.get("type", "auto")
    if kind == "tool":
        converted["tool_choice"] = {"type": "function", "function": {"name": choice.get("name") or ""}}
    elif kind in ("auto", "any"):
        converted["tool_choice"] = "auto" if kind == "auto" else "required"
    return converted


def convert_request(body: Body, passthrough: Any = None) -> Body:
    """Convert a request to a chat completion; `passthrough` names more fields that the server is sent."""
    messages = _convert_system(body.get("system"))
    for message in _list_dicts(body.get("messages")):
        messages.extend(_convert_message(message))
    converted: Body = {"model": body.get("model") or "", "messages": messages}
    if "max_tokens" in body:
        converted["max_tokens"] = body["max_tokens"]
    converted |= _select_passthrough(body, passthrough)
    converted |= _convert_output_config(body.get("output_config"))
    converted |= {name: body[name] for name in (*_COMMON_FIELDS, "reasoning_effort") if name in body}
    if "stop_sequences" in body:
        converted["stop"] = body["stop_sequences"]
    return converted | _convert_tools(body)
