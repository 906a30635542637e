"""Models in use at this moment."""

from __future__ import annotations

from collections.abc import Callable


class ActiveModels:
    """List the models in use; `realtime` installs the function that knows them."""

    def __init__(self) -> None:
        self.list_ids: Callable[[], list[str]] = list
