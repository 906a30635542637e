"""Reports of the plugin process about plugins that it has loaded, or could not load."""

from __future__ import annotations

import time

from fastback.features.plugins import failure_store
from fastback.features.plugins.failure_store import PluginFailure
from fastback.features.plugins.loading import PluginKind
from fastback.kit.db import Database

#: Characters of an error that are stored.
_LONGEST_MESSAGE = 2000


class LoadReports:
    """Store which plugins do not load, until they do."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def report_load(self, kind: PluginKind, plugin_id: str, version: str, error: str | None) -> None:
        """Store the error of a plugin; without one, forget what was stored."""
        if error is None:
            await failure_store.delete_failure(self._db, kind, plugin_id)
            return
        failure = PluginFailure(kind, plugin_id, version, error[:_LONGEST_MESSAGE], int(time.time()))
        await failure_store.store_failure(self._db, failure)
