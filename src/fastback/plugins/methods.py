"""The methods that the plugin process may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class HostMethods:
    """Methods by name (`room.verb_object`), added by the components that own them.

    A method is a coroutine function, or an asynchronous generator function for a stream. Its parameters and results are
    values of MessagePack. It raises `RemoteFailure` for what the plugin should see as its own kind of error.
    """

    def __init__(self) -> None:
        self._methods: dict[str, Callable[..., Any]] = {}

    @property
    def table(self) -> Mapping[str, Callable[..., Any]]:
        """The methods; the table grows while components are built."""
        return self._methods

    def add(self, name: str, method: Callable[..., Any]) -> None:
        """Add a method.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._methods:
            raise ValueError(f"two methods are called {name}")
        self._methods[name] = method
