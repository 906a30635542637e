"""Answers without what differs from run to run, so that two of them can be compared.

    an id (UUID, `chatcmpl-…`)     <id:1>, numbered by first appearance in the scenario
    a time of now                  <time> seconds, <time:ms>, <time:us>, <time:ns>, <time:float>, <time:text>
    a session's token, an API key  <jwt>, <key>
    hashes, random names           <hash>
    addresses, the data folder     <server>, <upstream>, <data>

Texts longer than 160 characters keep their beginning, their length and a digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Any

_LONG = 160
_KEPT_EVENTS = 24
_IDS = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])|\b(?:chatcmpl|msg|resp|call|rs|fc)[-_][A-Za-z0-9]{6,}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\b"
)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_KEY = re.compile(r"\bsk-[0-9a-f]{32}\b")
_HASH = re.compile(r"\b(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b")
_TEXT_TIME = re.compile(r"\b20[2-4]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_UNITS = (("<time>", 1), ("<time:ms>", 10**3), ("<time:us>", 10**6), ("<time:ns>", 10**9))
_BEFORE, _AFTER = 2 * 86400, 60 * 86400
#: When the stored database was recorded (22 November 2026): what happened since then counts as now.
_RECORDED = 1795305600
_DURATIONS = frozenset(
    {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration", "process_time", "uptime"}
)
HEADERS = ("content-type", "location", "content-disposition", "www-authenticate", "x-process-time")


class Normaliser:
    """One for a scenario: ids keep their numbers through its steps.

    Attributes:
        places: addresses and folders, each with the word that stands for it.
    """

    def __init__(self, places: Iterable[tuple[str, str]] = ()) -> None:
        self.places = sorted(places, key=lambda one: -len(one[0]))
        self._ids: dict[str, int] = {}
        self._now = time.time()
        self._earliest = min(self._now - _BEFORE, _RECORDED)

    def answer(self, status: int, headers: Any, body: bytes, unordered: Iterable[str] = ()) -> dict[str, Any]:
        """Status, those headers that are compared, and the body: JSON, a list of events, or a text."""
        kind = headers.get("content-type", "")
        made: dict[str, Any] = {"status": status, "headers": self._headers(headers)}
        if not body:
            made["body"] = None
        elif kind.startswith("text/event-stream"):
            made["events"] = self._events(body.decode("utf-8", "replace"))
        elif kind.startswith(("image/", "audio/", "application/octet-stream")):
            made["body"] = f"<bytes:{kind.partition(';')[0]}>"
        else:
            text = body.decode("utf-8", "replace")
            try:
                lines = kind.startswith("application/x-ndjson")
                parsed = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
            except ValueError:
                made["body"] = self.value(text)
            else:
                for path in unordered:
                    parsed = _sorted_at(parsed, re.findall(r"[^.\[\]]+", path.removeprefix("$")))
                made["body"] = self.value(parsed)
        return made

    def value(self, value: Any, name: str = "") -> Any:
        """Any JSON value, normalised; `name` is that of its field."""
        if isinstance(value, dict):
            return {self._text(key): self.value(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, name) for one in value]
        if isinstance(value, str):
            return self._shortened(self._text(value))
        if isinstance(value, bool) or value is None:
            return value
        if name in _DURATIONS:
            return "<duration>"
        return self._number(value)

    def _number(self, value: float) -> Any:
        for word, unit in _UNITS:
            if self._earliest < value / unit < self._now + _AFTER:
                return word if isinstance(value, int) else "<time:float>"
        return value

    def _text(self, text: str) -> str:
        for found, word in self.places:
            text = text.replace(found, word)
        text = _JWT.sub("<jwt>", text)
        text = _KEY.sub("<key>", text)
        text = _IDS.sub(self._id, text)
        text = _HASH.sub("<hash>", text)
        return _TEXT_TIME.sub("<time:text>", text)

    def _id(self, found: re.Match[str]) -> str:
        return f"<id:{self._ids.setdefault(found[0], len(self._ids) + 1)}>"

    @staticmethod
    def _shortened(text: str) -> str:
        if len(text) <= _LONG:
            return text
        # Numbers of ids are left out of the digest: they hang on what other answers hold.
        digest = hashlib.sha256(re.sub(r"<id:\d+>", "<id>", text).encode()).hexdigest()[:8]
        return f"{text[: _LONG // 2]}…<{len(text)} characters, {digest}>"

    def _events(self, text: str) -> list[Any]:
        """Each `data:` line as JSON, and the events' names; the middle of a long stream is left out."""
        events: list[Any] = []
        for line in text.splitlines():
            if line.startswith("event:"):
                events.append(line)
            elif line.startswith("data:"):
                data = line[5:].strip()
                try:
                    events.append(self.value(json.loads(data)))
                except ValueError:
                    events.append(self.value(data))
            elif line.strip():
                events.append(self.value(line))
        if len(events) > _KEPT_EVENTS:
            half = _KEPT_EVENTS // 2
            events = [*events[:half], f"… {len(events) - 2 * half} more", *events[-half:]]
        return events

    def _headers(self, headers: Any) -> dict[str, Any]:
        kept: dict[str, Any] = {name: self._text(headers[name]) for name in HEADERS if headers.get(name)}
        kept.pop("x-process-time", None)
        cookies = [self._cookie(one) for one in headers.getall("set-cookie", [])]
        if cookies:
            kept["set-cookie"] = cookies
        return kept

    @staticmethod
    def _cookie(text: str) -> str:
        """A cookie's name and attributes; of its times only that they are there, and whether they lie in the past."""
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


def _sorted_at(value: Any, path: list[str]) -> Any:
    """The same value with the list at `path` in an order that hangs on its content alone."""
    if not path:
        return sorted(value, key=_faceless) if isinstance(value, list) else value
    head, rest = path[0], path[1:]
    if isinstance(value, list) and head == "*":
        return [_sorted_at(one, rest) for one in value]
    if isinstance(value, dict) and head in value:
        return {key: _sorted_at(one, rest) if key == head else one for key, one in value.items()}
    return value


def _faceless(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    for pattern in (_JWT, _IDS, _KEY, _HASH):
        text = pattern.sub("", text)
    return re.sub(r"\d{10,}", "", text)
