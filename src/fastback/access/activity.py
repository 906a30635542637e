"""What people and the server do, told under the names that event webhooks and notifications know it by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.access.identity import User


class ActivityEvent(msgspec.Struct, frozen=True):
    """Something happened: `event` is a name of the contract (`feedback.created`), its subject `subject_id`.

    `subject_type` is the event's name without its last word unless it says otherwise; `data` holds what JSON can hold.
    """

    event: str
    actor: User | None = None
    subject_id: str | None = None
    subject_type: str | None = None
    data: dict[str, Any] = {}
    message: str | None = None
    source: str = "api"


class ActivityListeners:
    """Who may want to hear of an event: asked before anything is looked up for its telling."""

    def __init__(self) -> None:
        self._asked: list[Callable[[str], bool]] = []

    def add(self, wants: Callable[[str], bool]) -> None:
        """`wants` says of an event's name whether somebody who listens to the bus would do anything with it now."""
        self._asked.append(wants)

    def has_listener(self, *events: str) -> bool:
        """Whether anybody wants to hear of one of these events."""
        return any(wants(event) for wants in self._asked for event in events)
