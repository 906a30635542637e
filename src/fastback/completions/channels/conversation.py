"""What a model in a channel is asked: the thread so far as its system prompt, and the message that mentions it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.features.channels.mentions import replace_mentions
from fastback.features.channels.messages.reader import MessageReader
from fastback.features.channels.messages.responses import FullMessage
from fastback.features.channels.messages.store import MessageRow
from fastback.features.channels.messages.stored_data import find_model_id
from fastback.providers.model import Model
from fastback.providers.registry import ModelRegistry

Json = dict[str, Any]

#: Characters of a thread that a model is shown; older messages are left out.
MAX_HISTORY = 400_000

_INTRODUCTION = "You are {name}. You take part in a conversation of several people and models. Keep your answers short."
_THREAD = """

The conversation so far:

{history}

Answer the last message as {name}, and take what was said before into account."""


class _Files(msgspec.Struct):
    files: list[Any] | None = None


class Conversation(msgspec.Struct):
    """The messages of the request, and the files in the thread for it to read."""

    messages: list[Json]
    files: list[Json]


async def build_conversation(
    thread: list[MessageRow],
    message: FullMessage,
    *,
    model: Model,
    user: User,
    reader: MessageReader,
    registry: ModelRegistry,
) -> Conversation:
    """Return what a model is asked; `thread` has the messages around `message` in their order."""
    history = await _format_history(thread, reader, registry)
    prompt = _INTRODUCTION.format(name=model.name)
    if history:
        prompt += _THREAD.replace("{name}", model.name).replace("{history}", history)
    text = f"{user.name}: {replace_mentions(message.content)}"
    images, files = _list_attachments(thread)
    content: Any = text
    if images:
        content = [
            {"type": "text", "text": text},
            *({"type": "image_url", "image_url": {"url": url}} for url in images),
        ]
    return Conversation([{"role": "system", "content": prompt}, {"role": "user", "content": content}], files)


async def _format_history(thread: list[MessageRow], reader: MessageReader, registry: ModelRegistry) -> str:
    """Return the messages of a thread with their authors; the last ones, where they are long."""
    lines: list[str] = []
    length = 0
    for row in reversed(thread):
        line = f"{await _find_name(row, reader, registry)}: {replace_mentions(row.content or '')}"
        length += len(line)
        if length > MAX_HISTORY:
            break
        lines.append(line)
    return "\n\n".join(reversed(lines))


async def _find_name(row: MessageRow, reader: MessageReader, registry: ModelRegistry) -> str:
    """Return the name of a message's author: the model that wrote it, or the user, webhook or app."""
    model_id = find_model_id(row.meta)
    if model_id is not None:
        model = (await registry.get_models()).get(model_id)
        return model.name if model is not None else model_id
    author = await reader.find_author(row)
    return author.name if author is not None else "Unknown"


def _list_attachments(thread: list[MessageRow]) -> tuple[list[str], list[Json]]:
    """Return the addresses of the images in a thread, and its other files."""
    images: list[str] = []
    files: list[Json] = []
    for row in thread:
        for file in _list_files(row.data):
            if file.get("type") == "image":
                images += [file["url"]] if isinstance(file.get("url"), str) and file["url"] else []
            elif str(file.get("content_type") or "").startswith("image/"):
                images += [file["id"]] if isinstance(file.get("id"), str) else []
            elif file.get("id"):
                files.append(file)
    return images, files


def _list_files(data: msgspec.Raw) -> list[Json]:
    try:
        files = msgspec.json.decode(data, type=_Files | None)
    except msgspec.MsgspecError:
        return []
    return [file for file in (files.files if files else None) or [] if isinstance(file, dict)]
