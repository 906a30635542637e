"""Differences between two versions of a record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any


async def diff_texts(before: str, after: str, *, before_name: str, after_name: str) -> list[str]:
    """Return the lines of a unified diff without line ends; no lines if the texts differ in line ends alone.

    A thread computes it, because two long texts that have little in common take long.
    """

    def compute_diff() -> list[str]:
        import difflib  # imported here because few servers ever compare versions

        lines = before.splitlines(), after.splitlines()
        return list(difflib.unified_diff(*lines, fromfile=before_name, tofile=after_name, lineterm=""))

    return await asyncio.to_thread(compute_diff)


def diff_fields(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the named fields that differ, each as `{"before", "after"}`."""
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    }
