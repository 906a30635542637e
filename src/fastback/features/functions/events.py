"""Events of functions."""

from __future__ import annotations

import msgspec


class FunctionsChanged(msgspec.Struct, frozen=True):
    """Functions were created, updated, activated, deactivated or deleted, or their valves were changed."""
