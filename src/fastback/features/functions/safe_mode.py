"""Safe mode: start with every function deactivated, in case one of them keeps the installation from working."""

from __future__ import annotations

import logging

from fastback.features.functions import store
from fastback.kit.db import Database

log = logging.getLogger("fastback.functions")


async def deactivate_functions(db: Database) -> None:
    """Deactivate every function; administrators activate them again one by one."""
    count = await store.deactivate_all(db)
    log.warning("SAFE_MODE: %d functions were switched off", count)
