"""Small helpers for messages, completions, texts and files."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from fastback.plugin_host.open_webui.utils.completion_templates import (
    openai_chat_chunk_message_template as openai_chat_chunk_message_template,
)
from fastback.plugin_host.open_webui.utils.completion_templates import (
    openai_chat_completion_message_template as openai_chat_completion_message_template,
)
from fastback.plugin_host.open_webui.utils.completion_templates import (
    openai_chat_message_template as openai_chat_message_template,
)
from fastback.plugin_host.open_webui.utils.messages import (
    add_or_update_system_message as add_or_update_system_message,
)
from fastback.plugin_host.open_webui.utils.messages import add_or_update_user_message as add_or_update_user_message
from fastback.plugin_host.open_webui.utils.messages import (
    append_or_update_assistant_message as append_or_update_assistant_message,
)
from fastback.plugin_host.open_webui.utils.messages import get_content_from_message as get_content_from_message
from fastback.plugin_host.open_webui.utils.messages import get_last_assistant_message as get_last_assistant_message
from fastback.plugin_host.open_webui.utils.messages import (
    get_last_assistant_message_item as get_last_assistant_message_item,
)
from fastback.plugin_host.open_webui.utils.messages import get_last_user_message as get_last_user_message
from fastback.plugin_host.open_webui.utils.messages import get_last_user_message_item as get_last_user_message_item
from fastback.plugin_host.open_webui.utils.messages import get_message_list as get_message_list
from fastback.plugin_host.open_webui.utils.messages import get_messages_content as get_messages_content
from fastback.plugin_host.open_webui.utils.messages import get_output_text as get_output_text
from fastback.plugin_host.open_webui.utils.messages import get_system_message as get_system_message
from fastback.plugin_host.open_webui.utils.messages import merge_system_messages as merge_system_messages
from fastback.plugin_host.open_webui.utils.messages import pop_system_message as pop_system_message
from fastback.plugin_host.open_webui.utils.messages import (
    prepend_to_first_user_message_content as prepend_to_first_user_message_content,
)
from fastback.plugin_host.open_webui.utils.messages import remove_system_message as remove_system_message
from fastback.plugin_host.open_webui.utils.messages import (
    replace_system_message_content as replace_system_message_content,
)
from fastback.plugin_host.open_webui.utils.messages import (
    set_last_user_message_content as set_last_user_message_content,
)
from fastback.plugin_host.open_webui.utils.messages import strip_empty_content_blocks as strip_empty_content_blocks
from fastback.plugin_host.open_webui.utils.messages import update_message_content as update_message_content
from fastback.plugin_host.open_webui.utils.output_messages import (
    convert_output_to_messages as convert_output_to_messages,
)

_SURROGATES = re.compile("[\ud800-\udfff]")
_DURATION = re.compile(r"(-?(?<!\d)\d++(?:\.\d++)?)(ms|s|m|h|d|w)")
_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")
_SPECIAL_CHARACTERS, _BLANKS = re.compile(r"[^\w\s]"), re.compile(r"\s+")
_WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def deep_update(d: dict[str, Any], u: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `u` into `d`, in place, objects inside of objects too."""
    for name, value in u.items():
        d[name] = deep_update(d.get(name, {}), value) if isinstance(value, Mapping) else value
    return d


def get_gravatar_url(email: Any) -> str:
    digest = hashlib.sha256(str(email).strip().lower().encode()).hexdigest()
    return f"https://www.gravatar.com/avatar/{digest}?d=mp"


def calculate_sha256(file_path: Any, chunk_size: int = 1 << 20) -> str:
    """Return the hash of a file, read in chunks, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(file_path, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def calculate_sha256_string(string: str) -> str:
    return hashlib.sha256(string.encode()).hexdigest()


def validate_email_format(email: str) -> bool:
    return email.endswith("@localhost") or _EMAIL.match(email) is not None


def sanitize_filename(file_name: str) -> str:
    """Return a name in small letters, without special characters, with dashes for spaces."""
    return _BLANKS.sub("-", _SPECIAL_CHARACTERS.sub("", file_name.lower()))


def sanitize_text_for_db(text: Any) -> Any:
    """Return a text without what PostgreSQL cannot store: NUL characters and halves of surrogate pairs."""
    return _SURROGATES.sub("", text.replace("\0", "")) if isinstance(text, str) else text


def sanitize_data_for_db(obj: Any) -> Any:
    """Return a value with `sanitize_text_for_db` applied to every text in it."""
    if isinstance(obj, dict):
        return {sanitize_text_for_db(name): sanitize_data_for_db(value) for name, value in obj.items()}
    if isinstance(obj, list):
        return [sanitize_data_for_db(value) for value in obj]
    return sanitize_text_for_db(obj)


def sanitize_metadata(metadata: Any) -> Any:
    """Return metadata without what JSON cannot hold, such as functions."""
    if isinstance(metadata, dict):
        return {name: sanitize_metadata(value) for name, value in metadata.items() if _is_storable(value)}
    if isinstance(metadata, list):
        return [sanitize_metadata(value) for value in metadata if _is_storable(value)]
    return metadata


def _is_storable(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return True
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def parse_duration(duration: str) -> timedelta | None:
    """Return a duration such as `1h30m`; None (never ends) for `-1` and `0`.

    Raises:
        ValueError: the text is no duration.
    """
    if duration in ("-1", "0"):
        return None
    parts = _DURATION.findall(duration)
    if not parts:
        raise ValueError("Invalid duration string")
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())


def convert_logit_bias_input_to_json(logit_bias_input: Any) -> str | None:
    """Return the JSON of `token:bias, token:bias`, each bias between -100 and 100."""
    if not logit_bias_input:
        return None
    if isinstance(logit_bias_input, dict):
        return json.dumps(logit_bias_input)
    pairs = (pair.split(":") for pair in logit_bias_input.split(","))
    return json.dumps({token.strip(): max(-100, min(100, int(bias.strip()))) for token, bias in pairs})


def freeze(value: Any) -> Any:
    """Return an equal value that can be hashed."""
    if isinstance(value, dict):
        return frozenset((name, freeze(part)) for name, part in value.items())
    return tuple(freeze(part) for part in value) if isinstance(value, list) else value


def throttle(interval: float = 10.0) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
    """Return a decorator: a second call with equal arguments within `interval` seconds returns None at once."""

    def decorate(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        last_calls: dict[Any, float] = {}
        lock = threading.Lock()

        async def call(*args: Any, **kwargs: Any) -> Any:
            key, now = (args, freeze(kwargs)), time.time()
            with lock:
                if now - last_calls.get(key, 0) < interval:
                    return None
                last_calls[key] = now
            return await function(*args, **kwargs)

        return call if interval > 0 else function

    return decorate


def is_raster_image_content_type(content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind.startswith("image/") and kind != "image/svg+xml"


def extract_urls(text: str) -> list[str]:
    return _WEB_ADDRESS.findall(text)


def is_string_allowed(string: str | list[str], filter_list: list[str] | None = None) -> bool:
    """Return whether texts pass a list of substrings; those with `!` before them are forbidden."""
    if not filter_list:
        return True
    texts = [string] if isinstance(string, str) else string
    forbidden = [entry[1:].strip() for entry in filter_list if entry.startswith("!")]
    allowed = [entry.strip() for entry in filter_list if not entry.startswith("!")]
    if allowed and not any(text.endswith(entry) for text in texts for entry in allowed):
        return False
    return not any(text.endswith(entry) for text in texts for entry in forbidden)


async def cleanup_response(response: Any, session: Any) -> None:
    """Close a response of aiohttp and its session."""
    for resource in (response, session):
        if resource is not None and not resource.closed and (closing := resource.close()) is not None:
            await closing


async def stream_wrapper(response: Any, session: Any, content_handler: Any = None) -> AsyncIterator[Any]:
    """Yield the content of a response of aiohttp, and close it at the end."""
    try:
        async for chunk in content_handler(response.content) if content_handler else response.content:
            yield chunk
    finally:
        await cleanup_response(response, session)


async def stream_chunks_handler(stream: Any) -> AsyncIterator[bytes]:
    """Yield the lines of a stream of aiohttp, however long, without their ends."""
    buffer = bytearray()
    async for chunk, _ in stream.iter_chunks():
        buffer += chunk
        *lines, rest = buffer.split(b"\n")
        buffer = bytearray(rest)
        for line in lines:
            yield bytes(line)
    if buffer:
        yield bytes(buffer)
