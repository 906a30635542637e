"""Differences between a recorded answer and a new one, each with the path where it lies."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_ID = re.compile(r"<id:\d+>")


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.path}: expected {_shown(self.expected)}, got {_shown(self.got)}"


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclass
class Comparison:
    """One for a scenario: which recorded id is which new one is found out as they appear, and must stay so."""

    _new_of: dict[str, str] = field(default_factory=dict)
    _recorded_of: dict[str, str] = field(default_factory=dict)

    def of(self, expected: dict[str, Any], got: dict[str, Any], ignore: Iterable[str] = ()) -> list[Difference]:
        """Differences of two normalised answers; what lies at or below an ignored path is left out."""
        found: list[Difference] = []
        if expected["status"] != got["status"]:
            # Answers of different kinds have nothing in common; one line says it.
            whole = [f"{one['status']} {one.get('body', one.get('events'))}" for one in (expected, got)]
            found.append(Difference("status", *whole))
            return [one for one in found if "status" not in ignore]
        self._walk(expected["headers"], got["headers"], "headers", found, ordered=False)
        if ("events" in expected) != ("events" in got):
            kinds = ["stream" if "events" in one else "body" for one in (expected, got)]
            found.append(Difference("$", kinds[0], kinds[1]))
        else:
            part = "events" if "events" in expected else "body"
            self._walk(expected[part], got[part], "$", found)
        patterns = [_pattern(path) for path in ignore]
        return [one for one in found if not any(pattern.match(one.path) for pattern in patterns)]

    def _walk(self, expected: Any, got: Any, path: str, found: list[Difference], ordered: bool = True) -> None:
        if isinstance(expected, dict) and isinstance(got, dict):
            self._walk_fields(expected, got, path, found, ordered)
        elif isinstance(expected, list) and isinstance(got, list):
            for index, (left, right) in enumerate(zip(expected, got, strict=False)):
                self._walk(left, right, f"{path}[{index}]", found)
            if len(expected) != len(got):
                found.append(Difference(f"{path}.length", len(expected), len(got)))
        elif isinstance(expected, str) and isinstance(got, str):
            if not self._same_text(expected, got):
                found.append(Difference(path, expected, got))
        elif isinstance(expected, float) and isinstance(got, float):
            # Sums of floating-point numbers depend on who adds them up.
            if not math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9):
                found.append(Difference(path, expected, got))
        elif type(expected) is not type(got) or expected != got:
            found.append(Difference(path, expected, got))

    def _walk_fields(self, expected: Any, got: Any, path: str, found: list[Difference], ordered: bool) -> None:
        new_names = {self._new_of.get(name, name): name for name in expected}
        for new, name in new_names.items():
            if new in got:
                self._walk(expected[name], got[new], f"{path}.{name}", found)
            else:
                found.append(Difference(f"{path}.{name}", expected[name], ABSENT))
        for name in got:
            if name not in new_names:
                found.append(Difference(f"{path}.{name}", ABSENT, got[name]))
        if ordered:
            left, right = [name for name in new_names if name in got], [name for name in got if name in new_names]
            if left != right:
                found.append(Difference(f"{path}.order", ", ".join(left), ", ".join(right)))

    def _same_text(self, expected: str, got: str) -> bool:
        if _ID.sub("<id>", expected) != _ID.sub("<id>", got):
            return False
        pairs = list(zip(_ID.findall(expected), _ID.findall(got), strict=True))
        for left, right in pairs:
            if self._new_of.get(left, right) != right or self._recorded_of.get(right, left) != left:
                return False
        for left, right in pairs:
            self._new_of[left], self._recorded_of[right] = right, left
        return True


def _pattern(path: str) -> re.Pattern[str]:
    """`[*]` stands for any place of a list, `.*` for any field; what lies below belongs to it."""
    text = re.escape(path).replace(r"\[\*\]", r"\[\d+\]").replace(r"\.\*", r"\.[^.\[]+")
    return re.compile(text + r"(?:$|[.\[])")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
