"""Models that no model server has: those of plugins. The layers above connect their source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from fastback.providers.model import Entry, Model
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import CompletionResponse


class ModelSource(Protocol):
    """Lists models. It is asked in the background; its last list is kept."""

    def connect(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever the list has changed."""

    def get_entries(self) -> list[Entry]:
        """Return the entries of the last list."""
        ...

    def ask(self) -> list[asyncio.Task[None]]:
        """List the models in the background; return the tasks, none where the source surely has no models."""
        ...

    def ask_if_older(self, seconds: float) -> None:
        """List the models in the background where they were last listed longer ago than this."""

    def list_first_tasks(self) -> list[asyncio.Task[None]]:
        """Return the tasks that list the models for the first time, or for the first time after a change."""
        ...


class CompletionSource(Protocol):
    """Answers for the models of a `ModelSource`."""

    async def open_completion(self, model: Model, payload: dict[str, Any], ctx: RequestContext) -> CompletionResponse:
        """Begin a completion, and return it once it is known whether it streams.

        Raises:
            HttpError: it is not possible.
        """
        ...


def build_source_models(source: ModelSource | None) -> dict[str, Model]:
    """Return the models of a source, by id; none without a source."""
    entries = source.get_entries() if source is not None else []
    return {
        entry["id"]: Model(
            entry["id"], entry["name"], dict(entry), entry["owned_by"], None, entry["id"], is_plugin=True
        )
        for entry in entries
    }
