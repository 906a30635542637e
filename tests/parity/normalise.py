"""Replace what differs from run to run, so that two answers can be compared.

    an id (UUID, `chatcmpl-…`)     <id:1>, numbered by first appearance in the scenario
    a time of now                  <time> seconds, <time:ms>, <time:us>, <time:ns>, <time:float>, <time:text>
    a session's token, an API key  <jwt>, <key>
    the token of a sign-in's step  <challenge>
    hashes, random names           <hash>
    addresses, the data folder     <server>, <upstream>, <data>

Texts longer than 160 characters are shortened to their beginning, their length and a digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Any

_MAX_CHARACTERS = 160
_MAX_EVENTS = 24
_IDS = re.compile(
    r"(?:\b|(?<=auto_)|(?<=run_))[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])|\b(?:chatcmpl|msg|resp|call|rs|fc)[-_][A-Za-z0-9]{6,}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\b"
)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_CHALLENGE = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[\w-]{43}")
_KEY = re.compile(r"\bsk-[0-9a-f]{32}\b")
_HASH = re.compile(r"\b(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b")
#: A time in nanoseconds that is written as a text: the version of a channel's message.
_NANOSECONDS = re.compile(r"\b1[78]\d{17}\b")
_TEXT_TIME = re.compile(r"\b20[2-4]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_UNITS = (("<time>", 1), ("<time:ms>", 10**3), ("<time:us>", 10**6), ("<time:ns>", 10**9))
_BEFORE, _AFTER = 2 * 86400, 60 * 86400
#: When the stored database was recorded (22 November 2026); times since then count as the present.
_RECORDED_AT = 1795305600
_DURATIONS = frozenset(
    {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "process_time", "uptime"}
)
HEADERS = ("content-type", "location", "content-disposition", "www-authenticate", "x-process-time")


class Normaliser:
    """Normalise the answers of one scenario; ids keep their numbers throughout its steps.

    Attributes:
        replacements: addresses and folders, each with its replacement.
    """

    def __init__(self, replacements: Iterable[tuple[str, str]] = ()) -> None:
        self.replacements = sorted(replacements, key=lambda pair: -len(pair[0]))
        self._ids: dict[str, int] = {}
        self._now = time.time()
        self._earliest = min(self._now - _BEFORE, _RECORDED_AT)

    def normalise_response(
        self, status: int, headers: Any, body: bytes, unordered: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return the status, the compared headers, and the body: JSON, a list of events, or a text."""
        content_type = headers.get("content-type", "")
        answer: dict[str, Any] = {"status": status, "headers": self._select_headers(headers)}
        if not body:
            answer["body"] = None
        elif content_type.startswith("text/event-stream"):
            answer["events"] = self._read_events(body.decode("utf-8", "replace"))
        elif content_type.startswith(("image/", "audio/", "application/octet-stream")):
            answer["body"] = f"<bytes:{content_type.partition(';')[0]}>"
        else:
            text = body.decode("utf-8", "replace")
            try:
                has_lines = content_type.startswith("application/x-ndjson")
                parsed = [json.loads(line) for line in text.splitlines()] if has_lines else json.loads(text)
            except ValueError:
                answer["body"] = self.normalise_value(text)
            else:
                for path in unordered:
                    parsed = _sort_list_at(parsed, re.findall(r"[^.\[\]]+", path.removeprefix("$")))
                answer["body"] = self.normalise_value(parsed)
        return answer

    def normalise_value(self, value: Any, name: str = "") -> Any:
        """Normalise a JSON value; `name` is the name of its field."""
        if isinstance(value, dict):
            return {self._replace_text(key): self.normalise_value(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.normalise_value(item, name) for item in value]
        if isinstance(value, str):
            return self._shorten_text(self._replace_text(value))
        if isinstance(value, bool) or value is None:
            return value
        if name in _DURATIONS:
            return "<duration>"
        return self._replace_number(value)

    def _replace_number(self, value: float) -> Any:
        for word, unit in _UNITS:
            if self._earliest < value / unit < self._now + _AFTER:
                return word if isinstance(value, int) else "<time:float>"
        return value

    def _replace_text(self, text: str) -> str:
        for original, replacement in self.replacements:
            text = text.replace(original, replacement)
        text = _JWT.sub("<jwt>", text)
        text = _KEY.sub("<key>", text)
        text = _CHALLENGE.sub("<challenge>", text)
        text = _IDS.sub(self._number_id, text)
        text = _HASH.sub("<hash>", text)
        text = _NANOSECONDS.sub("<time:ns>", text)
        return _TEXT_TIME.sub("<time:text>", text)

    def _number_id(self, match: re.Match[str]) -> str:
        return f"<id:{self._ids.setdefault(match[0], len(self._ids) + 1)}>"

    @staticmethod
    def _shorten_text(text: str) -> str:
        if len(text) <= _MAX_CHARACTERS:
            return text
        # The digest leaves out the numbers of ids, which depend on other answers.
        digest = hashlib.sha256(re.sub(r"<id:\d+>", "<id>", text).encode()).hexdigest()[:8]
        return f"{text[: _MAX_CHARACTERS // 2]}…<{len(text)} characters, {digest}>"

    def _read_events(self, text: str) -> list[Any]:
        """Return each `data:` line as JSON, and the names of events; leave out the middle of a long stream."""
        events: list[Any] = []
        for line in text.splitlines():
            if line.startswith("event:"):
                events.append(line)
            elif line.startswith("data:"):
                data = line[5:].strip()
                try:
                    events.append(self.normalise_value(json.loads(data)))
                except ValueError:
                    events.append(self.normalise_value(data))
            elif line.strip():
                events.append(self.normalise_value(line))
        if len(events) > _MAX_EVENTS:
            half = _MAX_EVENTS // 2
            events = [*events[:half], f"… {len(events) - 2 * half} more", *events[-half:]]
        return events

    def _select_headers(self, headers: Any) -> dict[str, Any]:
        selected: dict[str, Any] = {name: self._replace_text(headers[name]) for name in HEADERS if headers.get(name)}
        selected.pop("x-process-time", None)
        cookies = [self._describe_cookie(cookie) for cookie in headers.getall("set-cookie", [])]
        if cookies:
            selected["set-cookie"] = cookies
        return selected

    @staticmethod
    def _describe_cookie(text: str) -> str:
        """Return a cookie's name and attributes; times only say whether they exist and whether they are past."""
        jar: SimpleCookie = SimpleCookie(text)
        for name, morsel in jar.items():
            parts = [name + ("=<value>" if morsel.value else "=")]
            for attribute in ("path", "domain", "samesite"):
                if morsel[attribute]:
                    parts.append(f"{attribute}={morsel[attribute].lower()}")
            parts += [attribute for attribute in ("httponly", "secure") if morsel[attribute]]
            if morsel["max-age"] != "":
                parts.append("max-age=0" if int(morsel["max-age"]) <= 0 else "max-age=<duration>")
            if morsel["expires"]:
                parts.append("expires=<time>")
            return "; ".join(parts)
        return "<unreadable>"


def _sort_list_at(value: Any, path: list[str]) -> Any:
    """Return the value with the list at `path` in an order that depends on its content alone."""
    if not path:
        return sorted(value, key=_sort_key) if isinstance(value, list) else value
    head, remaining = path[0], path[1:]
    if isinstance(value, list) and head == "*":
        return [_sort_list_at(item, remaining) for item in value]
    if isinstance(value, dict) and head in value:
        return {key: _sort_list_at(item, remaining) if key == head else item for key, item in value.items()}
    return value


def _sort_key(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    for pattern in (_JWT, _IDS, _KEY, _HASH):
        text = pattern.sub("", text)
    return re.sub(r"\d{10,}", "", text)
