"""What the settings of retrieval keep as long as the process."""

from __future__ import annotations

from fastback.kit.http.binding import Services


class Translation:
    """The language that the page "Web Search" asks transcripts in; no key of the configuration holds it."""

    language: str | None = None


async def start(services: Services) -> None:
    """Add `Translation`."""
    services.add(Translation, Translation())
