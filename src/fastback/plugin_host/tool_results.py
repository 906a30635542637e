"""What tools return, as `{"value", "embeds", "files"}`: HTML for the page apart from values for the model."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.rpc.wire_values import MessageTooLarge, pack_value, to_plain
from fastback.kit.sliced_json import is_large_value
from fastback.kit.value_texts import convert_value, cut_text, encode_leniently, run_steps

Json = dict[str, Any]

#: Characters of HTML and files that a result may have.
MAX_BESIDE = 16 * 1024 * 1024


def convert_result(name: str, result: Any) -> Json:
    """Convert the result of a tool: any value, an `HTMLResponse`, or a tuple of that and what the model reads."""
    context = None
    if isinstance(result, tuple) and len(result) == 2 and _is_html_response(result[0]):
        result, context = result
    if not _is_html_response(result):
        return {"value": _convert_value(result), "embeds": [], "files": []}
    body = bytes(result.body).decode("utf-8", "replace")
    if "inline" not in result.headers.get("content-disposition", ""):
        return {"value": body, "embeds": [], "files": []}
    return {"value": _describe_embed(name, result.status_code, context), "embeds": [body], "files": []}


def is_small(converted: Json) -> bool:
    """Return whether a converted result is a small value of JSON: a thread would take longer than the rest."""
    value = converted["value"]
    if converted["embeds"] or converted["files"] or is_large_value([value]):
        return False
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False  # objects of the plugin, whose code is to convert them
    return True


def fit_for_model(converted: Json) -> Json:
    """Return a converted result as plain values that the server can take: a large value as the text that models read.

    It takes a while for a large one.

    Raises:
        RemoteFailure: the HTML or the files in it are too large.
    """
    value, files = converted["value"], list(converted["files"])
    if isinstance(value, (bytes, bytearray)):
        value = str(bytes(value[: 1024**2]))
    if isinstance(value, str):
        value = str(value) if value.startswith("data:image/") else cut_text(value)
    elif isinstance(value, (dict, list)) and is_large_value(value):
        value = run_steps(convert_value(value, files, lambda part: encode_leniently(to_plain(part))))
    else:
        value = to_plain(value)
    embeds = list(converted["embeds"])
    texts = [*embeds, *(file.get("url") or file.get("content") or "" for file in files)]
    if isinstance(value, str) and value.startswith("data:image/"):
        texts.append(value)
    if sum(map(len, texts)) > MAX_BESIDE:
        raise RemoteFailure("too_large", "The HTML and the files in the result of the tool are too large.")
    return {"value": value, "embeds": to_plain(embeds), "files": to_plain(files)}


def pack_result(converted: Json) -> Json:
    """Return a converted result for another plugin: the server passes its value on as it is.

    Raises:
        RemoteFailure: it is too large.
    """
    try:
        value = pack_value(to_plain(converted["value"]))
    except MessageTooLarge:
        raise RemoteFailure("too_large", "The result of the tool is too large.") from None
    return {"value": value, "embeds": to_plain(converted["embeds"]), "files": to_plain(converted["files"])}


def convert_action_result(name: str, result: Any) -> Json:
    """Convert the result of an action: as that of a tool, or `(content, headers)` where the headers show it inline.

    A result that the page does not show is the value, as it is.
    """
    if isinstance(result, tuple) and len(result) == 2 and not _is_html_response(result[0]):
        embed, context = _find_inline_content(*result)
        if embed is not None:
            return {"value": _describe_embed(name, 200, context), "embeds": [embed], "files": []}
    converted = convert_result(name, result)
    return converted if converted["embeds"] else {"value": result, "embeds": [], "files": []}


def _find_inline_content(content: Any, headers: Any) -> tuple[Any, Any]:
    """Return the HTML or the address that headers show inline, None for none, and what is said of it."""
    try:
        fields = {str(header).lower(): str(value) for header, value in dict(headers).items()}
    except (TypeError, ValueError):
        return None, None
    if "inline" not in fields.get("content-disposition", ""):
        return None, None
    html, context = content if isinstance(content, (tuple, list)) and len(content) == 2 else (content, None)
    if "text/html" in fields.get("content-type", ""):
        return html, context
    return fields.get("location") or None, context


def _is_html_response(value: Any) -> bool:
    """Return whether a value is Starlette's (and so FastAPI's) `HTMLResponse`, without importing it."""
    return any(base.__name__ == "HTMLResponse" for base in type(value).__mro__)


def _convert_value(value: Any) -> Any:
    """Return a value that the model reads; of a tuple it is the first part, as in Open WebUI."""
    if isinstance(value, tuple):
        return value[0] if value else ""
    return value


def _describe_embed(name: str, status: int, context: Any) -> Any:
    """Return what the model reads of HTML that the page shows: what the tool says of it, or that it is shown."""
    if 200 <= status < 300:
        if isinstance(context, (str, dict, list)):
            return context
        text = f"{name}: Embedded UI result is active and visible to the user."
        return {"status": "success", "code": "ui_component", "message": text}
    kind = (
        "Client error" if 400 <= status < 500 else "Server error" if 500 <= status < 600 else "Unexpected status code"
    )
    return {"status": "error", "code": "ui_component", "message": f"{name}: {kind} {status} from embedded UI result."}
