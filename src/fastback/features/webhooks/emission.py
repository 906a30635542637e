"""Tells of operations that went well: a table says of each which event it is and what is told with it.

What a table needs to know of the time before (the name of what is deleted) is looked up only when somebody wants to
hear of the event; otherwise an operation costs what it did.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.access.identity import Identity, User
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.routing import Route, Router
from fastback.kit.services import Services

log = logging.getLogger("fastback.events")


class Done:
    """An operation that went well.

    Attributes:
        arguments: what the handler was given, by name.
        before: what the look-up before it found, if there is one.
        answer: what the handler answered.
    """

    def __init__(self, arguments: Mapping[str, Any], before: Any, answer: Any) -> None:
        self.arguments = arguments
        self.before = before
        self.answer = answer

    def __getitem__(self, name: str) -> Any:
        """An argument of the handler."""
        return self.arguments[name]

    @property
    def user(self) -> User | None:
        """Who asked."""
        found = self.arguments.get("user") or self.arguments.get("identity")
        return found.user if isinstance(found, Identity) else found

    def field(self, name: str) -> Any:
        """A field of the answer; None where it has none."""
        return field(self.answer, name)

    def told(
        self, event: str, subject: str | None, subject_type: str | None = None, *, source: str = "api", **data: Any
    ) -> ActivityEvent:
        """The event, done by who asked."""
        return ActivityEvent(event, self.user, subject, subject_type, data, source=source)


def field(value: Any, name: str) -> Any:
    """A field of a struct or of an object; None where there is none."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


class PriorLookup(msgspec.Struct, frozen=True):
    """A look-up before the operation: `rows` in a list, or the first. Parameters are arguments of the handler.

    `params` makes them of the arguments; else each text among those is one.
    """

    row: Any
    name: str
    text: str
    params: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    rows: bool = False

    async def run(self, db: Database, arguments: Mapping[str, Any]) -> Any:
        if self.params is not None:
            params = self.params(arguments)
        else:
            params = {name: value for name, value in arguments.items() if isinstance(value, str)}
        find: Callable[..., Awaitable[Any]] = db.fetch_all if self.rows else db.fetch_first
        return await find(self.row, f"events.before.{self.name}", self.text, **params)


class Telling(msgspec.Struct, frozen=True):
    """What an operation tells: the names of the events it may be, and how they are made."""

    events: tuple[str, ...]
    say: Callable[[Done], ActivityEvent | list[ActivityEvent] | None]
    before: PriorLookup | None = None


#: What operations tell, by method and path (without a slash at its end).
Table = dict[tuple[str, str], Telling]


def emit_events(router: Router, table: Table, services: Services) -> Router:
    """The router with handlers that tell what the table says of them."""
    made = Router(router.prefix, wrap=router.wrap)
    for route in router.routes:
        found = table.get((route.method, route.path.replace(":path}", "}").rstrip("/")))
        if found is not None:
            route = Route(route.method, route.path, _told(route.handler, found, services), route.max_body, route.wrap)
        made.routes.append(route)
    return made


def _told(handler: Callable[..., Any], what: Telling, services: Services) -> Callable[..., Any]:
    audience = services.get(ActivityListeners)
    bus = services.get(Bus)
    db = services.get(Database)

    @functools.wraps(handler)
    async def told(**arguments: Any) -> Any:
        if not audience.has_listener(*what.events):
            return await handler(**arguments)
        before = await what.before.run(db, arguments) if what.before is not None else None
        answer = await handler(**arguments)
        try:
            said = what.say(Done(arguments, before, answer))
        except Exception:
            log.exception("what %s did cannot be told", handler.__name__)
            return answer
        for event in said if isinstance(said, list) else [said] if said else []:
            await bus.publish(event)
        return answer

    return told
