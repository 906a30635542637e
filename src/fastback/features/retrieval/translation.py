"""The transcript language that administrators set since the start of the process."""

from __future__ import annotations


class Translation:
    """The language that the page "Web Search" requests transcripts in; the configuration has no key for it."""

    language: str | None = None
