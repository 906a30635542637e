"""Parts of a turn that plugins run themselves: results of tools, sources, a search of the web."""

from __future__ import annotations

import json
from typing import Any

from fastback.plugin_host import tool_results
from fastback.plugin_host.http_operations import OperationRefused, send_operation
from fastback.plugin_host.open_webui.models.chats import Chats
from fastback.plugin_host.open_webui.utils.messages import get_last_user_message, get_message_list
from fastback.plugin_host.open_webui.utils.oauth import get_system_oauth_token as get_system_oauth_token

Json = dict[str, Any]


async def process_tool_result(
    request: Any,
    tool_function_name: str,
    tool_result: Any,
    tool_type: str = "",
    direct_tool: bool = False,
    metadata: Json | None = None,
    user: Any = None,
) -> tuple[Any, list[Json], list[str]]:
    """Return what the model reads of a tool's result, files for the page, and HTML for the page."""
    if isinstance(tool_result, (tuple, list)) and (direct_tool or tool_type in ("external", "action", "terminal")):
        tool_result = tool_result[0] if len(tool_result) == 2 else tool_result
    converted = tool_results.convert_result(tool_function_name, tool_result)
    value, files = converted["value"], list(converted["files"])
    if isinstance(value, list) and tool_type == "mcp":
        value, files = _split_mcp_content(value)
    elif isinstance(value, str) and value.startswith("data:image/"):
        files.append({"type": "image", "url": value})
        value = f"{tool_function_name}: Image file read successfully."
    if isinstance(value, list):
        value = {"results": value}
    if isinstance(value, dict):
        value = json.dumps(value, indent=2, ensure_ascii=False)
    return value, files, converted["embeds"]


def _split_mcp_content(content: list[Any]) -> tuple[Any, list[Json]]:
    """Return the texts of a result of MCP, and its pictures and sounds as files."""
    texts: list[Any] = []
    files = []
    for item in content:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "text":
            texts.append(_decode_text(item.get("text", "")))
        elif kind in ("image", "audio"):
            files.append({"type": kind, "url": f"data:{item.get('mimeType')};base64,{item.get('data', '')}"})
    return (texts[0] if len(texts) == 1 else texts), files


def _decode_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def get_citation_source_from_tool_result(
    tool_name: str, tool_params: Json, tool_result: Any, tool_id: str = ""
) -> list[Json]:
    """Return the sources that the page shows below an answer for the result of a built-in tool."""
    value = _decode_text(tool_result) if isinstance(tool_result, str) else tool_result
    if isinstance(value, dict) and "error" in value:
        return []
    if tool_name in ("view_knowledge_file", "view_file"):
        return [_build_file_source(value, value.get("content", ""))] if isinstance(value, dict) else []
    if tool_name == "fetch_url":
        url = tool_params.get("url") or tool_name
        text = value if isinstance(value, str) else str(value)
        snippet = text[:500] + ("..." if len(text) > 500 else "")
        return [_build_source({"name": url, "id": url}, [snippet], [{"source": url, "name": url}])]
    if tool_name == "search_web" and isinstance(value, list):
        documents = [f"{entry.get('title', '')}\n{entry.get('snippet', '')}" for entry in value]
        links = [{"source": entry.get("link", ""), "name": entry.get("title", "")} for entry in value]
        return [_build_source({"name": tool_name, "id": tool_name}, documents, links)] if value else []
    if tool_name in ("query_knowledge_files", "query_chat_files") and isinstance(value, list):
        return [_build_file_source(entry, entry.get("content", "")) for entry in value if isinstance(entry, dict)]
    text = tool_result if isinstance(tool_result, str) else json.dumps(value, ensure_ascii=False, default=str)
    name = f"{tool_id}/{tool_name}" if tool_id else tool_name
    return [_build_source({"name": name, "id": name, "type": "tool"}, [text], [{"source": name, "name": name}])]


def _build_file_source(fields: Json, text: str) -> Json:
    name = fields.get("filename") or fields.get("source") or "Unknown File"
    file_id = fields.get("id") or fields.get("file_id") or ""
    metadata = {"file_id": file_id, "name": name, "source": name}
    return _build_source({"id": file_id, "name": name, "type": "file"}, [text], [metadata])


def _build_source(source: Json, documents: list[str], metadata: list[Json]) -> Json:
    return {"source": source, "document": documents, "metadata": metadata}


async def chat_web_search_handler(request: Any, form_data: Json, extra_params: Json, user: Any) -> Json:
    """Search the web for the last question, and add its results to the files of the form."""
    emit = extra_params.get("__event_emitter__")
    question = get_last_user_message(form_data["messages"]) or ""

    async def show(description: str, **more: Any) -> None:
        if emit is not None:
            data = {"action": "web_search", "description": description, "done": True, **more}
            await emit({"type": "status", "data": data})

    try:
        result = await send_operation(
            user, "POST", "/api/v1/retrieval/process/web/search", content={"queries": [question]}
        )
    except OperationRefused:
        await show("An error occurred while searching the web", query=question, error=True)
        return form_data
    names = result.get("collection_names") or ([result["collection_name"]] if result.get("collection_name") else [])
    files = [{"collection_name": name, "name": question, "type": "web_search"} for name in names]
    if result.get("docs"):
        files.append({"docs": result["docs"], "name": question, "type": "web_search"})
    form_data["files"] = [*(form_data.get("files") or []), *files]
    await show("Searched {{count}} sites", urls=result.get("filenames") or [], items=result.get("items") or [])
    return form_data


async def chat_completion_files_handler(request: Any, body: Json, extra_params: Json, user: Any) -> tuple[Json, Json]:
    """Return the body, and the passages of its files that fit the last question: `{"sources": […]}`."""
    from fastback.plugin_host.open_webui.retrieval.utils import query_collection

    files = body.get("files") or (body.get("metadata") or {}).get("files") or []
    question = get_last_user_message(body["messages"]) or ""
    sources = []
    for file in files:
        names = file.get("collection_names") or [file.get("collection_name") or _find_collection(file)]
        passages = await query_collection([name for name in names if name], queries=[question], k=5)
        if passages["documents"][0]:
            sources.append(_build_source(file, passages["documents"][0], passages["metadatas"][0]))
    return body, {"sources": sources}


def _find_collection(file: Json) -> str:
    """Return the collection of a file of a chat: knowledge has its own name, any other file `file-` and its id."""
    file_id = str(file.get("id") or "")
    return file_id if file.get("type") == "collection" else f"file-{file_id}" if file_id else ""


async def load_messages_from_db(chat_id: str, message_id: str) -> list[Json] | None:
    """Return the conversation up to a message; None where the chat does not have it."""
    messages = await Chats.get_messages_map_by_chat_id(chat_id)
    return get_message_list(messages, message_id) or None


def apply_source_context_to_messages(request: Any, messages: list[Json], sources: list[Json], prompt: str) -> Any:
    """Return the messages with the passages of sources before the last question."""
    from fastback.plugin_host.open_webui.utils.messages import add_or_update_user_message

    texts = [text for source in sources for text in source.get("document") or ()]
    context = "\n".join(f"<source>{text}</source>" for text in texts)
    return add_or_update_user_message(context, messages, append=False) if context else messages


class _Messages(list[Any]):
    """Messages that may be awaited: the function that returns them was a coroutine once."""

    def __await__(self) -> Any:
        return self
        yield


def add_file_context(messages: list[Json], *args: Any) -> Any:
    """Name the files of questions in their texts, in place, for models that fetch them by tools."""
    for message in messages:
        files = [file for file in message.get("files") or () if _has_address(file)]
        if message.get("role") != "user" or not files:
            continue
        text = "<attached_files>\n" + "\n".join(map(_describe_file, files)) + "\n</attached_files>\n\n"
        content = message.get("content") or ""
        message["content"] = [{"type": "text", "text": text}, *content] if isinstance(content, list) else text + content
    return _Messages(messages)


def _has_address(file: Json) -> bool:
    url = file.get("url") or ""
    return bool(url and not url.startswith("data:")) or (file.get("type") == "chat" and bool(file.get("id")))


def _describe_file(file: Json) -> str:
    fields = {"type": file.get("type", "file"), "id": file.get("id") or file.get("url")}
    fields |= {name: file[name] for name in ("url", "content_type", "name") if file.get(name)}
    return "<file " + " ".join(f'{name}="{value}"' for name, value in fields.items()) + "/>"
