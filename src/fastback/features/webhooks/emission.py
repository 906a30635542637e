"""Emit events after operations that succeeded. A table of rules says which operation emits which events.

State that an operation changes or deletes (an old role, the name of a deleted record) is read before the operation,
and only if the event has a listener; without listeners an operation costs what it would cost without a rule.
"""

from __future__ import annotations

import functools
import inspect
import logging
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.access.identity import Identity, User
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.body import WithHeaders
from fastback.kit.http.routing import Route, Router
from fastback.kit.http.validation import strip_optional
from fastback.kit.services import Services

log = logging.getLogger("fastback.events")

#: The parameter of a handler to which `kit/http` binds the body of a request.
_BODY = "data"


class Operation:
    """A request, and after the operation succeeded its response.

    Attributes:
        parameters: values of path and query parameters, by their names in the API.
        body: the decoded body, or None.
        requester: the user who sent the request, or None.
        services: the services of the application.
        prior: the result of the rule's look-up before the operation.
        response: what the handler returned.
    """

    def __init__(self, *, parameters: Mapping[str, Any], body: Any, requester: User | None, services: Services) -> None:
        self.parameters = parameters
        self.body = body
        self.requester = requester
        self.services = services
        self.prior: Any = None
        self.response: Any = None

    def get_field(self, name: str) -> Any:
        """Return a field of the response, or None."""
        return get_field(self.response, name)

    def create_event(
        self, event: str, subject_id: str | None, subject_type: str | None = None, *, source: str = "api", **data: Any
    ) -> ActivityEvent:
        """Return an event with the requester as its actor."""
        return ActivityEvent(event, self.requester, subject_id, subject_type, data, source=source)


def get_field(value: Any, name: str) -> Any:
    """Return a field of a struct or dict, or None."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


class PriorLookup(msgspec.Struct, frozen=True):
    """A look-up of state before the operation changes it; `name` says what it finds."""

    name: str
    find: Callable[[Database, Operation], Awaitable[Any]]

    async def run(self, db: Database, operation: Operation) -> Any:
        """Return the state; it becomes `Operation.prior`."""
        return await self.find(db, operation)


class EventRule(msgspec.Struct, frozen=True):
    """The names of all events that an operation can emit, and the function that creates them."""

    events: tuple[str, ...]
    create_events: Callable[[Operation], ActivityEvent | list[ActivityEvent] | None]
    prior_lookup: PriorLookup | None = None


#: Rules by method and path of an operation (without a trailing slash).
EventRules = dict[tuple[str, str], EventRule]


class _Arguments(msgspec.Struct, frozen=True):
    """Which arguments of a handler hold the path and query parameters, the body and the requester."""

    parameters: tuple[str, ...]
    body: str | None
    requester: str | None

    def build_operation(self, arguments: Mapping[str, Any], services: Services) -> Operation:
        requester = arguments[self.requester] if self.requester else None
        return Operation(
            parameters={name: arguments[name] for name in self.parameters},
            body=arguments[self.body] if self.body else None,
            requester=requester.user if isinstance(requester, Identity) else requester,
            services=services,
        )


def _classify_arguments(route: Route, services: Services) -> _Arguments:
    """Sort the arguments of a route's handler by their types, as `kit/http` binds them."""
    hints = typing.get_type_hints(route.handler, include_extras=True)
    parameters: list[str] = []
    body = requester = None
    for name in inspect.signature(route.handler).parameters:
        hint = hints[name]
        kind, _ = strip_optional(typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint)
        if kind in (User, Identity):
            requester = name
        elif name == _BODY:
            body = name
        elif kind is not Request and not services.has(kind):
            parameters.append(name)
    return _Arguments(tuple(parameters), body, requester)


def emit_events(router: Router, rules: EventRules, services: Services) -> Router:
    """Return the router with handlers that emit the events of their rules."""
    emitting = Router(router.prefix, wrap=router.wrap)
    for route in router.routes:
        rule = rules.get((route.method, route.path.replace(":path}", "}").rstrip("/")))
        if rule is not None:
            route = msgspec.structs.replace(route, handler=_wrap_handler(route, rule, services))
        emitting.routes.append(route)
    return emitting


def _wrap_handler(route: Route, rule: EventRule, services: Services) -> Callable[..., Any]:
    handler = route.handler
    # Most operations are never called while an event has a listener.
    classify_arguments = functools.cache(lambda: _classify_arguments(route, services))
    listeners = services.get(ActivityListeners)
    bus = services.get(Bus)
    db = services.get(Database)

    @functools.wraps(handler)
    async def call_and_emit(**arguments: Any) -> Any:
        if not listeners.has_listener(*rule.events):
            return await handler(**arguments)
        operation = classify_arguments().build_operation(arguments, services)
        if rule.prior_lookup is not None:
            operation.prior = await rule.prior_lookup.run(db, operation)
        result = await handler(**arguments)
        operation.response = result.content if isinstance(result, WithHeaders) else result
        try:
            events = rule.create_events(operation)
        except Exception:
            log.exception("creating the events of %s failed", handler.__name__)
            return result
        for event in events if isinstance(events, list) else [events] if events else []:
            await bus.publish(event)
        return result

    return call_and_emit
