"""Build the services of records."""

from __future__ import annotations

from fastback.access.grant_store import INDEX
from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.records.access import RecordAccess
from fastback.records.listing import RecordCatalog
from fastback.records.revision_store import INDEXES as REVISION_INDEXES
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `RecordCatalog` and `RecordAccess`."""
    services.add(
        RecordCatalog,
        RecordCatalog(
            db=services.get(Database),
            grants=services.get(Grants),
            permissions=services.get(Permissions),
            settings=services.get(Settings),
        ),
    )
    services.add(RecordAccess, RecordAccess(services.get(RecordCatalog), services.get(Bus)))


COMPONENT = Component(name="records", setup=set_up, indexes=[INDEX, *REVISION_INDEXES])
