"""Starting without functions: for an installation that one of them keeps from working."""

from __future__ import annotations

import logging

from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.settings import Settings

log = logging.getLogger("fastback.functions")


async def start(services: Services) -> None:
    """Switch every function off where `SAFE_MODE` says so; administrators switch them on again one by one."""
    settings: Settings = services.get(Settings)
    if not settings.safe_mode:
        return
    db: Database = services.get(Database)
    count = await db.execute("functions.safe_mode", "UPDATE function SET is_active = FALSE WHERE is_active")
    log.warning("SAFE_MODE: %d functions were switched off", count)
