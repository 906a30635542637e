"""The worker side of `formatting`: format Python code with Black."""

from __future__ import annotations

import black
from black.report import NothingChanged

from fastback.kit.workers.errors import JobFailed


def handle(code: bytes) -> str:
    """Return the code, formatted.

    Raises:
        JobFailed: the code cannot be parsed.
    """
    text = code.decode()
    try:
        return black.format_str(text, mode=black.Mode())
    except NothingChanged:
        return text
    except Exception as error:
        raise JobFailed(str(error)) from None
