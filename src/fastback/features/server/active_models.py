"""Which models are in use right now; the sockets know."""

from __future__ import annotations

from collections.abc import Callable


class Usage:
    """Asks whoever knows; `realtime` says."""

    def __init__(self) -> None:
        self.models_in_use: Callable[[], list[str]] = list
