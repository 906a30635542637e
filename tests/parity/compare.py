"""Compare a recorded answer with a new one; each difference has its path."""

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
        return f"{self.path}: expected {_format_value(self.expected)}, got {_format_value(self.got)}"


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclass
class Comparison:
    """Compare the answers in a scenario; each recorded id must correspond to the same new id throughout."""

    _new_of: dict[str, str] = field(default_factory=dict)
    _recorded_of: dict[str, str] = field(default_factory=dict)

    def find_differences(
        self, expected: dict[str, Any], got: dict[str, Any], ignore: Iterable[str] = ()
    ) -> list[Difference]:
        """Compare two normalised answers; leave out what is at or below an ignored path."""
        differences: list[Difference] = []
        if expected["status"] != got["status"]:
            # With different statuses the bodies cannot match either: report a single difference.
            summaries = [f"{answer['status']} {answer.get('body', answer.get('events'))}" for answer in (expected, got)]
            return [] if "status" in ignore else [Difference("status", *summaries)]
        self._compare_values(expected["headers"], got["headers"], "headers", differences, ordered=False)
        if ("events" in expected) != ("events" in got):
            kinds = ["stream" if "events" in answer else "body" for answer in (expected, got)]
            differences.append(Difference("$", kinds[0], kinds[1]))
        else:
            part = "events" if "events" in expected else "body"
            self._compare_values(expected[part], got[part], "$", differences)
        patterns = [_compile_path(path) for path in ignore]
        return [
            difference for difference in differences if not any(pattern.match(difference.path) for pattern in patterns)
        ]

    def _compare_values(
        self, expected: Any, got: Any, path: str, differences: list[Difference], ordered: bool = True
    ) -> None:
        if isinstance(expected, dict) and isinstance(got, dict):
            self._compare_fields(expected, got, path, differences, ordered)
        elif isinstance(expected, list) and isinstance(got, list):
            for index, (recorded, actual) in enumerate(zip(expected, got, strict=False)):
                self._compare_values(recorded, actual, f"{path}[{index}]", differences)
            if len(expected) != len(got):
                differences.append(Difference(f"{path}.length", len(expected), len(got)))
        elif isinstance(expected, str) and isinstance(got, str):
            if not self._is_same_text(expected, got):
                differences.append(Difference(path, expected, got))
        elif isinstance(expected, float) and isinstance(got, float):
            # Sums of floating-point numbers depend on the order of addition.
            if not math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9):
                differences.append(Difference(path, expected, got))
        elif type(expected) is not type(got) or expected != got:
            differences.append(Difference(path, expected, got))

    def _compare_fields(self, expected: Any, got: Any, path: str, differences: list[Difference], ordered: bool) -> None:
        new_names = {self._new_of.get(name, name): name for name in expected}
        for new, name in new_names.items():
            if new in got:
                self._compare_values(expected[name], got[new], f"{path}.{name}", differences)
            else:
                differences.append(Difference(f"{path}.{name}", expected[name], ABSENT))
        for name in got:
            if name not in new_names:
                differences.append(Difference(f"{path}.{name}", ABSENT, got[name]))
        if ordered:
            recorded, actual = [name for name in new_names if name in got], [name for name in got if name in new_names]
            if recorded != actual:
                differences.append(Difference(f"{path}.order", ", ".join(recorded), ", ".join(actual)))

    def _is_same_text(self, expected: str, got: str) -> bool:
        if _ID.sub("<id>", expected) != _ID.sub("<id>", got):
            return False
        pairs = list(zip(_ID.findall(expected), _ID.findall(got), strict=True))
        for recorded, actual in pairs:
            if self._new_of.get(recorded, actual) != actual or self._recorded_of.get(actual, recorded) != recorded:
                return False
        for recorded, actual in pairs:
            self._new_of[recorded], self._recorded_of[actual] = actual, recorded
        return True


def _compile_path(path: str) -> re.Pattern[str]:
    """Return a pattern for a path and everything below it; `[*]` matches any index of a list, `.*` any field."""
    text = re.escape(path).replace(r"\[\*\]", r"\[\d+\]").replace(r"\.\*", r"\.[^.\[]+")
    return re.compile(text + r"(?:$|[.\[])")


def _format_value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
