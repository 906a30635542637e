"""The transcript language that administrators chose since the start."""

from __future__ import annotations


class Translation:
    """The language that the page "Web Search" asks transcripts in; no key of the configuration holds it."""

    language: str | None = None
