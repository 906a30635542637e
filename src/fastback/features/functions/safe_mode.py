"""Start with every function switched off, for an installation that one of them keeps from working."""

from __future__ import annotations

import logging

from fastback.kit.db import Database

log = logging.getLogger("fastback.functions")


async def switch_functions_off(db: Database) -> None:
    """Switch every function off; administrators switch them on again one by one."""
    count = await db.execute("functions.safe_mode", "UPDATE function SET is_active = FALSE WHERE is_active")
    log.warning("SAFE_MODE: %d functions were switched off", count)
