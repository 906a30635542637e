"""Build the services of notes."""

from __future__ import annotations

from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.notes import routes
from fastback.features.notes.list_fragments import INDEXES
from fastback.features.notes.service import NoteService
from fastback.kit.bus import Bus
from fastback.kit.services import Component, Services
from fastback.records.access import RecordAccess


async def set_up(services: Services) -> None:
    """Add `NoteService`."""
    records = services.get(RecordAccess)
    services.add(
        NoteService,
        NoteService(
            records=records, config=services.get(Config), files=services.get(FileAccess), bus=services.get(Bus)
        ),
    )


COMPONENT = Component(name="notes", routers=routes.routers, setup=set_up, indexes=INDEXES)
