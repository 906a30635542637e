"""Starts what the routes of retrieval work with."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.features.files.access import FileAccess
from fastback.features.retrieval.access import CollectionAccess
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.settings import Settings


class Translation:
    """The language that the page "Web Search" asks transcripts in; no key of the configuration holds it."""

    language: str | None = None


async def start(services: Services) -> None:
    """Add `Translation` and `CollectionAccess`."""
    services.add(Translation, Translation())
    db: Database = services.get(Database)
    files: FileAccess = services.get(FileAccess)
    access = CollectionAccess(db, services.get(Permissions), files, services.get(Settings))
    services.add(CollectionAccess, access)
