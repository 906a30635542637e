"""Import libraries without their optional dependencies, even where those are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_imports(*names: str) -> Iterator[None]:
    """Make packages look as if they were not installed, unless they are imported already.

    For libraries that work without an optional package: it would take memory that the server does not need.
    """
    blocked = [name for name in names if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]
