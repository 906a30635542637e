"""Importing libraries without what they load besides, where that happens to be installed and is not needed here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_imports(*names: str) -> Iterator[None]:
    """While this lasts, packages of these names seem not to be installed; those that are loaded already stay.

    For libraries that do with less where an optional package is missing: the server's memory is spared its weight.
    """
    blocked = [name for name in names if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]
