"""Bodies of the requests that generate and edit images, and what their results are."""

from __future__ import annotations

from typing import Any

import msgspec

#: An image as messages hold it: `{id, url, name, content_type}`.
ImageFile = dict[str, Any]


class CreateImageForm(msgspec.Struct, kw_only=True):
    """What to generate. Only AUTOMATIC1111 heeds `model`, and only from administrators: it becomes the setting."""

    model: str | None = None
    prompt: str
    size: str | None = None
    n: int = 1
    steps: int | None = None
    negative_prompt: str | None = None


class EditImageForm(msgspec.Struct, kw_only=True):
    """What to make of images: data URLs, addresses, or ids and addresses of files."""

    image: str | list[str]
    prompt: str
    model: str | None = None
    size: str | None = None
    n: int | None = None
    negative_prompt: str | None = None
    background: str | None = None


class AnswerLink(msgspec.Struct, frozen=True):
    """The message that images are made for."""

    chat_id: str
    message_id: str
