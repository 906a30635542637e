"""Rows of `fastback_plugin_failure`: plugins that do not load, each with its last error."""

from __future__ import annotations

import msgspec

from fastback.features.plugins.loading import PluginKind
from fastback.kit.db import Executor

TABLE = "fastback_plugin_failure"
CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS fastback_plugin_failure (
        kind TEXT NOT NULL,
        plugin_id TEXT NOT NULL,
        version TEXT NOT NULL,
        message TEXT NOT NULL,
        failed_at BIGINT NOT NULL,
        PRIMARY KEY (kind, plugin_id)
    )"""


class PluginFailure(msgspec.Struct):
    """A plugin that does not load in this version of its code. `failed_at` is in seconds."""

    kind: PluginKind
    plugin_id: str
    version: str
    message: str
    failed_at: int


LIST_FAILURES = """
    SELECT kind, plugin_id, version, message, failed_at FROM fastback_plugin_failure ORDER BY kind, plugin_id"""
STORE_FAILURE = """
    INSERT INTO fastback_plugin_failure (kind, plugin_id, version, message, failed_at)
    VALUES (:kind, :plugin_id, :version, :message, :failed_at)
    ON CONFLICT (kind, plugin_id) DO UPDATE
    SET version = excluded.version, message = excluded.message, failed_at = excluded.failed_at"""
DELETE_FAILURE = "DELETE FROM fastback_plugin_failure WHERE kind = :kind AND plugin_id = :plugin_id"


async def list_failures(db: Executor) -> list[PluginFailure]:
    return await db.fetch_all(PluginFailure, "plugins.failures", LIST_FAILURES)


async def store_failure(db: Executor, failure: PluginFailure) -> None:
    """Write the failure of a plugin in place of its last one."""
    fields = msgspec.structs.asdict(failure)
    await db.execute("plugins.store_failure", STORE_FAILURE, **fields)


async def delete_failure(db: Executor, kind: PluginKind, plugin_id: str) -> None:
    await db.execute("plugins.delete_failure", DELETE_FAILURE, kind=kind, plugin_id=plugin_id)
