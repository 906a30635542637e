"""Every event there is, with its message and description: data of the contract, in `catalog.tsv`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec


class Known(msgspec.Struct, frozen=True):
    """An event by its name, with what is said of it."""

    event: str
    description: str
    message: str


@cache
def catalog() -> dict[str, Known]:
    """The events by name, in order."""
    text = resources.files("fastback.features.webhooks").joinpath("catalog.tsv").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        event, message, description = line.split("\t")
        found[event] = Known(event, description, message)
    return found
