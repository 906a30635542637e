"""The buttons of actions and the switches of filters that the entries of models show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from fastback.providers.model import Model


class FunctionItem(msgspec.Struct, frozen=True):
    """An action or a filter; `items` are what an entry shows of it, none for a filter without a switch."""

    id: str
    is_global: bool
    items: list[dict[str, Any]]


class FunctionItems(msgspec.Struct, frozen=True):
    """The active actions and filters, in the order in which entries show them."""

    actions: list[FunctionItem] = []
    filters: list[FunctionItem] = []


class FunctionItemSource(Protocol):
    """Knows the active functions."""

    def connect(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever the items have changed."""
        ...

    async def get_items(self) -> FunctionItems: ...


def add_function_items(models: dict[str, Model], items: FunctionItems) -> None:
    """Add to every entry the global functions and those that the model names, in place."""
    for model in models.values():
        meta = model.own_meta
        model.entry["actions"] = _select_items(items.actions, meta.get("actionIds"))
        model.entry["filters"] = _select_items(items.filters, meta.get("filterIds"))


def _select_items(functions: list[FunctionItem], named_ids: Any) -> list[dict[str, Any]]:
    ids = named_ids if isinstance(named_ids, list) else []
    return [item for function in functions if function.is_global or function.id in ids for item in function.items]
