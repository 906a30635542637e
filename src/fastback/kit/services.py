"""The services of a running server, by type, and the components that build them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fastback.kit.http.routing import Router

T = TypeVar("T")


class MissingService(LookupError):
    """A service was asked for before anything built it."""


class Services:
    """Hold what handlers and setup functions ask for by type: the database, the configuration, the model registry, …"""

    def __init__(self) -> None:
        self._services: dict[Any, Any] = {}
        #: The component whose setup runs, for error messages.
        self.building = ""

    def add(self, kind: type[T], service: T) -> None:
        """Register a service under its type."""
        self._services[kind] = service

    def get(self, kind: type[T]) -> T:
        """Return the service of a type.

        Raises:
            MissingService: nothing has added it yet; the message names who asks.
        """
        try:
            service: T = self._services[kind]
        except KeyError:
            ctx = f"the setup of {self.building!r}" if self.building else "a handler"
            raise MissingService(
                f"{ctx} needs {kind.__module__}.{kind.__qualname__}, which no component before it has added"
            ) from None
        return service

    def has(self, kind: Any) -> bool:
        """Return whether a service of this type has been added."""
        return kind in self._services


Setup = Callable[[Services], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Component:
    """What the composition root knows of a room or a feature."""

    name: str
    #: Its operations.
    routers: Sequence[Router] = ()
    #: Builds its services and adds them; it may ask for those of the components before it.
    setup: Setup | None = None
    #: Idempotent statements that create tables of our own, all named `fastback_…`.
    tables: Sequence[str] = ()


async def build_services(components: Sequence[Component], services: Services) -> None:
    """Run the setup of each component, in order.

    Raises:
        MissingService: a component stands before one that it needs.
    """
    for component in components:
        if component.setup is not None:
            services.building = component.name
            await component.setup(services)
    services.building = ""
