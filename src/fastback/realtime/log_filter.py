"""What the socket server may write into the log: what happens, never what it carries."""

from __future__ import annotations

import logging


class _HidePacketContents(logging.Filter):
    """Packets hold the tokens that pages sign in with, and chats: only their kind is told."""

    def filter(self, record: logging.LogRecord) -> bool:
        before, separator, _ = str(record.msg).partition(" data %s")
        if separator and isinstance(record.args, tuple):
            record.msg, record.args = before, record.args[: before.count("%s")]
        return True


def make_logger(name: str, *, enabled: bool) -> logging.Logger | bool:
    """A logger for the library; False for silence."""
    if not enabled:
        return False
    packet_logger = logging.getLogger(name)
    packet_logger.setLevel(logging.INFO)
    if not any(isinstance(existing_filter, _HidePacketContents) for existing_filter in packet_logger.filters):
        packet_logger.addFilter(_HidePacketContents())
    return packet_logger
