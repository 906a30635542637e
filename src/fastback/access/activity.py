"""Activity events: actions of users and of the server, under the names that webhooks and notifications use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.access.identity import User


class WebhookActor(msgspec.Struct, frozen=True):
    """A webhook of a channel, by which another program acts."""

    id: str
    name: str


class ActivityEvent(msgspec.Struct, frozen=True):
    """An action of a user or of the server.

    Attributes:
        event: the name of the event in the contract (`feedback.created`).
        subject_id: the record that the action is about.
        subject_type: its type; None: the event's name without its last word.
        data: details, of types that JSON has.
    """

    event: str
    actor: User | WebhookActor | None = None
    subject_id: str | None = None
    subject_type: str | None = None
    data: dict[str, Any] = {}
    message: str | None = None
    source: str = "api"


class ActivityListeners:
    """Tells whether an event has a listener, so that its details are looked up only then."""

    def __init__(self) -> None:
        self._predicates: list[Callable[[str], bool]] = []

    def add(self, is_wanted: Callable[[str], bool]) -> None:
        """Add a listener of the bus: `is_wanted` returns whether it would now handle the event with this name."""
        self._predicates.append(is_wanted)

    def has_other_listener(self, is_wanted: Callable[[str], bool], event: str) -> bool:
        """Return whether a listener other than the one with this predicate handles an event."""
        return any(other(event) for other in self._predicates if other != is_wanted)

    def has_listener(self, *events: str) -> bool:
        """Return whether any listener handles one of these events."""
        for is_wanted in self._predicates:
            for event in events:
                if is_wanted(event):
                    return True
        return False
