"""Loggers of the socket libraries that show packets without their contents."""

from __future__ import annotations

import logging


class _PacketContentFilter(logging.Filter):
    """Remove the data of packets from log lines: it holds tokens and chats. The kind of a packet stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        before, separator, _ = str(record.msg).partition(" data %s")
        if separator and isinstance(record.args, tuple):
            record.msg, record.args = before, record.args[: before.count("%s")]
        return True


def make_logger(name: str, *, enabled: bool) -> logging.Logger | bool:
    """Return a logger for the library, or False, which silences it."""
    if not enabled:
        return False
    packet_logger = logging.getLogger(name)
    packet_logger.setLevel(logging.INFO)
    if not any(isinstance(existing_filter, _PacketContentFilter) for existing_filter in packet_logger.filters):
        packet_logger.addFilter(_PacketContentFilter())
    return packet_logger
