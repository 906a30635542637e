"""Pictures: generation, editing, and storing pictures as files."""

from __future__ import annotations

import base64
import io
import mimetypes
from typing import Any

from fastback.plugin_host.application import get_application
from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.http_operations import call_as_user, get_user_id
from fastback.plugin_host.open_webui.models.chats import Chats
from fastback.plugin_host.open_webui.routers.files import upload_file_handler
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.router_operations import define_operation, find_user

#: Ends of names that `mimetypes` does not know, or not the usual one of.
_EXTENSIONS = {"image/jpeg": ".jpg", "image/webp": ".webp", "image/avif": ".avif"}


class CreateImageForm(Record):
    model: str | None = None
    prompt: str
    size: str | None = None
    n: int = 1
    steps: int | None = None
    negative_prompt: str | None = None


class EditImageForm(Record):
    image: str | list[str]
    prompt: str
    model: str | None = None
    size: str | None = None
    n: int | None = None
    negative_prompt: str | None = None
    background: str | None = None


GenerateImageForm = CreateImageForm


@awaited_or_not
async def upload_image(
    request: Any, image_data: Any, content_type: Any, metadata: Any = None, user: Any = None, db: Any = None
) -> Any:
    """Store a picture as a file, linked to the message that the metadata name.

    Return the file's record, and what a message holds of the picture: id, url, name and content type.

    Raises:
        ValueError: there is no picture.
    """
    if image_data is None or content_type is None:
        raise ValueError("Failed to retrieve image data from the generation backend")
    if isinstance(content_type, dict):  # the metadata came before the content type once
        content_type, metadata = metadata, content_type
    from starlette.datastructures import Headers, UploadFile

    extension = _EXTENSIONS.get(content_type.lower()) or mimetypes.guess_extension(content_type) or ".png"
    file = UploadFile(
        io.BytesIO(image_data),
        filename=f"generated-image{extension}",
        headers=Headers({"content-type": content_type}),
    )
    user = user or find_user(request)
    record = await upload_file_handler(request, file=file, metadata=metadata, process=False, user=user)
    chat_id, message_id = (metadata or {}).get("chat_id"), (metadata or {}).get("message_id")
    if chat_id and message_id:
        await Chats.insert_chat_files(chat_id, message_id, [record.id], get_user_id(user))
    meta = record.meta or {}
    picture = {
        "id": record.id,
        "url": get_application().url_path_for("get_file_content_by_id", id=record.id),
        "name": meta.get("name") or record.filename,
        "content_type": meta.get("content_type"),
    }
    return record, picture


def load_b64_image_data(b64_str: str) -> Any:
    """Return the bytes of a picture in base64, with or without a head `data:…,`, and its type; None twice if invalid.

    Open WebUI has no such function any more.
    """
    try:
        head, _, content = b64_str.rpartition(",")
        content_type = head.removeprefix("data:").partition(";")[0] or "image/png"
        return base64.b64decode(content, validate=True), content_type
    except (ValueError, AttributeError):
        return None, None


async def load_url_image_data(url: str, headers: dict[str, str] | None = None) -> Any:
    """Return the bytes of a picture at an address and its type; None twice where there is no picture."""
    import aiohttp

    async with aiohttp.ClientSession(trust_env=True) as session, session.get(url, headers=headers) as response:
        content_type = response.headers.get("content-type", "")
        if response.status >= 400 or not content_type.startswith("image/"):
            return None, None
        return await response.read(), content_type


async def get_image_data(data: str, headers: dict[str, str] | None = None, trusted_base_url: str | None = None) -> Any:
    """Return the bytes of a picture and its type, from base64 or from an address."""
    if data.startswith(("http://", "https://")):
        return await load_url_image_data(data, headers)
    return load_b64_image_data(data)


generate_images = define_operation("POST", "/api/v1/images/generations")
edit_images = define_operation("POST", "/api/v1/images/edit")


@awaited_or_not
async def image_generations(request: Any, form_data: Any, metadata: Any = None, user: Any = None) -> Any:
    """Generate pictures, and return what a message holds of each: id, url, name and content type."""
    user = user or find_user(request)
    pictures = await call_as_user(user, "images.generate", dump_form(form_data))
    return await _link_pictures(pictures, metadata, user)


@awaited_or_not
async def image_edits(request: Any, form_data: Any, metadata: Any = None, user: Any = None) -> Any:
    """Edit pictures, and return what a message holds of each result."""
    user = user or find_user(request)
    pictures = await call_as_user(user, "images.edit", dump_form(form_data))
    return await _link_pictures(pictures, metadata, user)


async def _link_pictures(pictures: Any, metadata: Any, user: Any) -> Any:
    """Link pictures to the message that the metadata name, so that its readers may see them; return the pictures."""
    chat_id, message_id = (metadata or {}).get("chat_id"), (metadata or {}).get("message_id")
    if chat_id and message_id and pictures:
        await Chats.insert_chat_files(chat_id, message_id, [picture["id"] for picture in pictures], get_user_id(user))
    return pictures


get_config = define_operation("GET", "/api/v1/images/config", "request user")
get_models = define_operation("GET", "/api/v1/images/models", "request user")
