"""Request bodies of the routes of files."""

from __future__ import annotations

import msgspec


class NameForm(msgspec.Struct):
    filename: str


class ContentForm(msgspec.Struct):
    content: str
