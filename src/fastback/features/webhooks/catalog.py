"""The catalog of events, with message and description of each; `catalog.tsv` holds the reference's texts."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec


class EventDescription(msgspec.Struct, frozen=True):
    """An event: its name, and the texts that go with it."""

    event: str
    description: str
    message: str


@cache
def load_event_catalog() -> dict[str, EventDescription]:
    """Return the event descriptions by event name, in the order of the file."""
    text = resources.files("fastback.features.webhooks").joinpath("catalog.tsv").read_text(encoding="utf-8")
    descriptions = {}
    for line in text.splitlines():
        event, message, description = line.split("\t")
        descriptions[event] = EventDescription(event, description, message)
    return descriptions
