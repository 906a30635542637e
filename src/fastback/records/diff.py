"""What differs between two versions, as lines for a reader."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable, Mapping
from typing import Any


async def unified(before: str, after: str, *, before_name: str, after_name: str) -> list[str]:
    """The lines of a unified diff without line ends; none where only line ends differ.

    It is made in a thread, as two long texts that have little in common take long.
    """

    def made() -> list[str]:
        lines = before.splitlines(), after.splitlines()
        return list(difflib.unified_diff(*lines, fromfile=before_name, tofile=after_name, lineterm=""))

    return await asyncio.to_thread(made)


def changed(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the named fields that differ, each as `{"before", "after"}`."""
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    }
