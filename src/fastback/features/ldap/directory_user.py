"""What a directory says about a user, and why it refuses one."""

from __future__ import annotations

import logging

import msgspec


class DirectoryUser(msgspec.Struct, frozen=True):
    """A user of the directory; `groups` are names."""

    email: str
    name: str
    groups: list[str]


class DirectoryRefusal(Exception):
    """The directory refuses a sign-in, or cannot be asked; the text is for the client, `reason` for the log."""

    def __init__(self, text: str, reason: str = "", *, level: int = logging.INFO) -> None:
        super().__init__(text)
        self.reason = reason
        self.level = level
