"""What the socket server may write into the log: what happens, never what it carries."""

from __future__ import annotations

import logging


class _NoContents(logging.Filter):
    """Packets hold the tokens that pages sign in with, and chats: only their kind is told."""

    def filter(self, record: logging.LogRecord) -> bool:
        before, found, _ = str(record.msg).partition(" data %s")
        if found and isinstance(record.args, tuple):
            record.msg, record.args = before, record.args[: before.count("%s")]
        return True


def logger(name: str, *, wanted: bool) -> logging.Logger | bool:
    """A logger for the library; False for silence."""
    if not wanted:
        return False
    made = logging.getLogger(name)
    made.setLevel(logging.INFO)
    if not any(isinstance(one, _NoContents) for one in made.filters):
        made.addFilter(_NoContents())
    return made
