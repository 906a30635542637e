"""A request of Anthropic's Messages API in terms of a chat completion.

Format: Anthropic's API reference, `POST /v1/messages`: `system` (text or blocks), `messages` with blocks `text`,
`image`, `thinking`, `tool_use`, `tool_result`; any block may carry `cache_control`, which is kept.
"""

from __future__ import annotations

from typing import Any

import msgspec

Body = dict[str, Any]

#: Fields that are converted; any other goes to a provider only if its connection names it among `passthrough_params`.
_CONVERTED = frozenset(
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
_SAME = ("temperature", "top_p", "top_k", "stream", "metadata", "service_tier")


def _dict(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[Body]:
    """The objects of a list; what is none is passed over."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _cached(block: Body, converted: Body) -> Body:
    return {**converted, "cache_control": block["cache_control"]} if "cache_control" in block else converted


def _shortest(parts: list[Body]) -> str | list[Body]:
    """Content in its shortest form: one plain text is no list."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].get("type") == "text" and "cache_control" not in parts[0]:
        return str(parts[0].get("text") or "")
    return parts


def _image(block: Body) -> Body | None:
    source = _dict(block.get("source"))
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type') or 'image/png'};base64,{source.get('data') or ''}"
    elif source.get("type") == "url":
        url = source.get("url") or ""
    else:
        return None
    return _cached(block, {"type": "image_url", "image_url": {"url": url}})


def _document(block: Body) -> str:
    source = _dict(block.get("source"))
    lines = [f"[Document: {block.get('title') or 'Document'}]", block.get("context")]
    lines.append(source.get("data") if source.get("type") == "text" else None)
    return "\n".join(str(line) for line in lines if line)


def _search_result(block: Body) -> str:
    source = block.get("source")
    found = [one for one in _dicts(block.get("content")) if one.get("type") == "text"]
    body = "\n".join(str(one.get("text") or "") for one in found)
    lines = [f"[Search Result: {block.get('title') or ''}]", f"Source: {source}" if source else "", body]
    return "\n".join(line for line in lines if line)


def _part(block: Any) -> Body | None:
    """A block as a part of a message's content; None for what has no place there."""
    if not isinstance(block, dict):
        return None
    kind = block.get("type", "text")
    if kind == "text":
        return _cached(block, {"type": "text", "text": block.get("text") or ""})
    if kind == "image":
        return _image(block)
    # Thoughts without a signature cannot be shown to a provider again.
    if kind == "redacted_thinking" or (kind == "thinking" and block.get("signature")):
        return dict(block)
    return None


def _tool_part(block: Any) -> Body | None:
    kind = block.get("type", "text") if isinstance(block, dict) else None
    if kind == "document":
        return {"type": "text", "text": _document(block)}
    if kind == "search_result":
        return {"type": "text", "text": _search_result(block)}
    return _part(block) if kind in ("text", "image") else None


def _tool_result(block: Body) -> Body:
    given = block.get("content") or ""
    content: str | list[Body] = ""
    if isinstance(given, str):
        content = given
    elif isinstance(given, list):
        parts = [part for one in given if (part := _tool_part(one)) is not None]
        if all(part["type"] == "text" and "cache_control" not in part for part in parts):
            content = "\n".join(part["text"] for part in parts)
        else:
            content = parts
    if block.get("is_error"):
        error = {"type": "text", "text": "Error: "}
        content = f"Error: {content}" if isinstance(content, str) else [error, *content]
    return {"role": "tool", "tool_call_id": block.get("tool_use_id") or "", "content": content}


def _call(block: Body) -> Body:
    given = block.get("input", {})
    arguments = msgspec.json.encode(given).decode() if isinstance(given, dict) else str(given)
    function = {"name": block.get("name") or "", "arguments": arguments}
    return {"id": block.get("id") or "", "type": "function", "function": function}


def _messages(message: Body) -> list[Body]:
    role, content = message.get("role", "user"), message.get("content")
    if not isinstance(content, list):
        return [{"role": role, "content": str(content) if content else ""}]
    blocks = _dicts(content)
    found = [_tool_result(one) for one in blocks if one.get("type") == "tool_result"]
    parts = [part for one in blocks if (part := _part(one)) is not None]
    calls = [_call(one) for one in blocks if one.get("type") == "tool_use"]
    if calls:
        found.append({"role": role, "content": _shortest(parts), "tool_calls": calls})
    elif parts or role == "assistant":
        found.append({"role": role, "content": _shortest(parts)})
    return found


def _system(system: Any) -> list[Body]:
    if isinstance(system, str) and system:
        return [{"role": "system", "content": system}]
    if not isinstance(system, list) or not system:
        return []
    parts = [
        _cached(one, {"type": "text", "text": one.get("text") or ""})
        if isinstance(one, dict)
        else {"type": "text", "text": one}
        for one in system
        if isinstance(one, str) or (isinstance(one, dict) and one.get("type") == "text")
    ]
    return [{"role": "system", "content": _shortest(parts)}]


def _passed_on(body: Body, names: Any) -> Body:
    """What of the fields we do not know a connection wants: their names, as a list or a text, or `*`."""
    if isinstance(names, str):
        names = names.split(",")
    wanted = {str(one).strip() for one in names} if isinstance(names, list) else set()
    return {key: one for key, one in body.items() if key not in _CONVERTED and ("*" in wanted or key in wanted)}


def _output_config(config: Any) -> Body:
    found: Body = {}
    if not isinstance(config, dict):
        return found
    if "effort" in config:
        found["reasoning_effort"] = config["effort"]
    wanted = config.get("format")
    wanted = wanted if isinstance(wanted, dict) else {}
    kind = wanted.get("type")
    if kind == "json_object":
        found["response_format"] = {"type": kind}
    elif kind == "json_schema":
        schema = {"name": wanted.get("name", "response_schema"), "schema": wanted.get("schema", {})}
        schema |= {name: wanted[name] for name in ("description", "strict") if name in wanted}
        found["response_format"] = {"type": kind, "json_schema": schema}
    return found


def _tools(body: Body) -> Body:
    tools = _dicts(body.get("tools"))
    if not tools:
        return {}  # providers refuse an empty list
    found: Body = {"tools": []}
    for tool in tools:
        function = {"name": tool.get("name") or "", "description": tool.get("description") or ""}
        function["parameters"] = tool.get("input_schema") or {}
        found["tools"].append(_cached(tool, {"type": "function", "function": function}))
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return found
    kind = choice.get("type", "auto")
    if kind == "tool":
        found["tool_choice"] = {"type": "function", "function": {"name": choice.get("name") or ""}}
    elif kind in ("auto", "any"):
        found["tool_choice"] = "auto" if kind == "auto" else "required"
    return found


def to_completion(body: Body, passthrough: Any = None) -> Body:
    """A request of the Messages API as a chat completion; `passthrough` names further fields to pass on."""
    messages = _system(body.get("system"))
    for message in _dicts(body.get("messages")):
        messages.extend(_messages(message))
    found: Body = {"model": body.get("model") or "", "messages": messages}
    if "max_tokens" in body:
        found["max_tokens"] = body["max_tokens"]
    found |= _passed_on(body, passthrough)
    found |= _output_config(body.get("output_config"))
    found |= {name: body[name] for name in (*_SAME, "reasoning_effort") if name in body}
    if "stop_sequences" in body:
        found["stop"] = body["stop_sequences"]
    return found | _tools(body)
