"""Logs: lines for people, or a JSON object a line; never a secret."""

from __future__ import annotations

import logging
import sys
import time
from typing import ClassVar

import msgspec


class Lines(logging.Formatter):
    """`12:34:56 WARNING providers  text`, coloured on a terminal."""

    _COLOURS: ClassVar = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix("fastback.").removeprefix("fastback")
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{moment} {record.levelname:<7} {name + ': ' if name else ''}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        colour = self._COLOURS.get(record.levelname) if self._colour else None
        return f"{colour}{text}\x1b[0m" if colour else text


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", "exception"?}`."""

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(found).decode()


def set_up(level: str, form: str) -> None:
    """Write logs of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines(colour=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    known = logging.getLevelNamesMapping()
    logging.getLogger("fastback").setLevel(known.get(level.upper(), logging.INFO))
    if level.upper() == "DEBUG":
        root.setLevel(logging.INFO)
