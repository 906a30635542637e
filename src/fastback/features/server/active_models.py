"""Models in use at this moment."""

from __future__ import annotations

from typing import Protocol


class ActiveModels(Protocol):
    """The models that pages wait for; `fastback.realtime.presence` knows them."""

    async def list_models_in_use(self) -> list[str]:
        """List the ids of the models that a page reported within the last seconds."""
        ...
