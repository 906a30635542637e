"""Formats of the log: plain lines, or a JSON object a line, without secrets and with the id of the request."""

from __future__ import annotations

import logging
import re
import sys
import time
from contextvars import ContextVar
from typing import ClassVar, TextIO

import msgspec

from fastback.kit.outages import find_outage

#: The id of the current HTTP request, also in the tasks that it started; empty outside of requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: Characters of a message and of a traceback that are logged, and of what is redacted beyond, so that no secret is cut.
_MAX_MESSAGE_LENGTH, _MAX_TRACEBACK_LENGTH, _OVERLAP = 8000, 32_000, 1000
#: Patterns of secrets with their replacements: session tokens, API keys, credentials in headers and URLs. Each takes
#: time in proportion to the text: it begins at a literal word, or cannot fail once it has read far.
_SECRET_PATTERNS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(?i)\b((?:set-)?cookie:\s*)[^\n]+"), r"\1[secret]"),
    (
        re.compile(
            r"(?i)((?:api[-_]?key|password|secret|token|authorization)['\"]?\s*[:=]\s*)"
            r"(\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic)\s+)?[^\s,;&'\"}\])]+)"
        ),
        r"\1[secret]",
    ),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), "[token]"),
    (re.compile(r"\b(sk|gsk|xai|hf|AIza)([-_][\w-]{8,}|[\w-]{30,})"), r"\1-[key]"),
    (re.compile(r"([?&](?:code|state|code_verifier)=)[^\s&#'\"]+"), r"\1[secret]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 [credential]"),
    (re.compile(r"(://[^\s:/@'\"\[]*):[^\s@/'\"]+@"), r"\1:[password]@"),
]
#: Escapes of the characters that would end a line or move the cursor.
_CONTROL_ESCAPES = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if code not in (9, 10)}
_CONTROL_ESCAPES[10] = "\\n"


def redact_secrets(text: str) -> str:
    """Replace whatever looks like a credential in a text."""
    for pattern, replacement in _SECRET_PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _find_outage(record: logging.LogRecord) -> BaseException | None:
    """Return the outage that caused the error of a record: its text says everything, its traceback nothing."""
    return find_outage(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None


def redact_and_cut(text: str, limit: int = _MAX_MESSAGE_LENGTH) -> str:
    """Return the first `limit` characters of a text, without secrets."""
    if len(text) <= limit:
        return redact_secrets(text)
    return f"{redact_secrets(text[: limit + _OVERLAP])[:-_OVERLAP]} … ({len(text)} characters)"


def format_message(record: logging.LogRecord) -> str:
    """Return the message of a record on one line, without secrets and control characters."""
    text = record.getMessage()
    if outage := _find_outage(record):
        text += f": {outage}"
    return redact_and_cut(text).translate(_CONTROL_ESCAPES)


def format_traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return the traceback of a record without secrets; empty without an error, or where an outage caused it."""
    if not record.exc_info or _find_outage(record):
        return ""
    return redact_and_cut(formatter.formatException(record.exc_info), _MAX_TRACEBACK_LENGTH)


class TextFormatter(logging.Formatter):
    """Format a record as `12:34:56 WARNING providers: text [request id]`, coloured on a terminal."""

    _COLOURS: ClassVar = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix("fastback.").removeprefix("fastback")
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{moment} {record.levelname:<7} {name + ': ' if name else ''}{format_message(record)}"
        if current_request_id := request_id.get():
            text += f" [{current_request_id}]"
        if traceback := format_traceback(self, record):
            text += "\n" + traceback
        colour = self._COLOURS.get(record.levelname) if self._colour else None
        return f"{colour}{text}\x1b[0m" if colour else text


class JsonFormatter(logging.Formatter):
    """Format a record as `{"time", "level", "logger", "message", "request_id"?, "exception"?}`."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": format_message(record),
        }
        if current_request_id := request_id.get():
            entry["request_id"] = current_request_id
        if traceback := format_traceback(self, record):
            entry["exception"] = traceback
        return msgspec.json.encode(entry).decode()


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Write records to standard error. While that fails, as on a full disk, records are dropped; a line says so later.

    Python would write a traceback for each, which fails as well or fills the space that is left.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._failure_count = 0
        self._reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        count = self._failure_count
        super().emit(record)
        if count and self._failure_count == count:
            self._failure_count = 0
            arguments = (count, self._reason)
            text = "writing the log failed %d times, lines may be missing: %s"
            super().emit(logging.LogRecord("fastback.log", logging.WARNING, __file__, 0, text, arguments, None))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (named by its base class)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._failure_count += 1
        self._reason = error.strerror or str(error)


def _is_informative(record: logging.LogRecord) -> bool:
    """Return whether a record adds information: uvicorn repeats that a response broke off, without the reason."""
    return "without completing response" not in str(record.msg)


def configure_logging(level: str, log_format: str) -> None:
    """Write logs of `level` and above to standard error."""
    handler = StandardErrorHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(colour=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level_number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.getLogger("fastback").setLevel(level_number)
    # Libraries log warnings and errors; at DEBUG also their INFO lines, but never packets and headers.
    root.setLevel(logging.INFO if level_number <= logging.DEBUG else max(level_number, logging.WARNING))
    logging.getLogger("uvicorn.error").addFilter(_is_informative)
