"""The services of a running server, by type, and the components that build them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fastback.kit.db.indexes import Index
    from fastback.kit.http.routing import Router

T = TypeVar("T")


class MissingService(LookupError):
    """A service is requested before a component has built it."""


class Services:
    """Services by type, for handlers and setup functions: the database, the configuration, the model registry, …"""

    def __init__(self) -> None:
        self._services: dict[Any, Any] = {}
        #: The name of the component whose setup runs, for error messages.
        self.building = ""

    def add(self, kind: type[T], service: T) -> None:
        """Register a service under its type."""
        self._services[kind] = service

    def get(self, kind: type[T]) -> T:
        """Return the service of a type.

        Raises:
            MissingService: no component has added it yet; the message names the component that needs it.
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
    """A room or a feature, as the composition root sees it.

    Attributes:
        routers: its operations.
        setup: builds its services and adds them; it may get the services of the components before it.
        tables: idempotent statements that create tables of our own, all named `fastback_…`.
        indexes: indexes of our own on the reference's tables, which are created in the background.
        is_enabled: returns whether the operations exist; asked once, when all services are built.
    """

    name: str
    routers: Sequence[Router] = ()
    setup: Setup | None = None
    tables: Sequence[str] = ()
    indexes: Sequence[Index] = ()
    is_enabled: Callable[[Services], bool] | None = None


async def build_services(components: Sequence[Component], services: Services) -> None:
    """Run the setup of each component, in order.

    Raises:
        MissingService: a component comes before one whose service it needs.
    """
    for component in components:
        if component.setup is not None:
            services.building = component.name
            await component.setup(services)
    services.building = ""
