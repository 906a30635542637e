"""Rows of `fastback_node`: the running processes of an installation that has several.

Each process counts its row up every second or two. The others see by their own clocks that a row no longer changes; so
the clocks of the machines need not agree. The process that deletes the row of a dead one cleans up behind it.
"""

from __future__ import annotations

import msgspec

from fastback.kit.db import Database

CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS fastback_node (
        id TEXT NOT NULL PRIMARY KEY,
        beat BIGINT NOT NULL
    )"""


class NodeRow(msgspec.Struct):
    """A process and the number of its last beat."""

    id: str
    beat: int


READ_TIME_POSTGRES = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
LIST_NODES = "SELECT id, beat FROM fastback_node"
SAVE_BEAT = "UPDATE fastback_node SET beat = :beat WHERE id = :id"
INSERT_NODE = "INSERT INTO fastback_node (id, beat) VALUES (:id, :beat) ON CONFLICT (id) DO NOTHING"
DELETE_NODE = "DELETE FROM fastback_node WHERE id = :id"
CLAIM_NODE = "DELETE FROM fastback_node WHERE id = :id AND beat = :beat"


async def read_time(db: Database) -> float:
    """Return the time of the database, in seconds since 1970."""
    return float(await db.fetch_value("nodes.read_time", READ_TIME_POSTGRES))


async def list_nodes(db: Database) -> list[NodeRow]:
    """Return the processes that run, and those that have died a moment ago."""
    return await db.fetch_all(NodeRow, "nodes.list_nodes", LIST_NODES)


async def save_beat(db: Database, node_id: str, beat: int) -> bool:
    """Say that a process runs; return False where it is not among the processes, or no longer."""
    return await db.execute("nodes.save_beat", SAVE_BEAT, id=node_id, beat=beat) > 0


async def insert_node(db: Database, node_id: str, beat: int) -> None:
    """Add a process to those that run."""
    await db.execute("nodes.insert_node", INSERT_NODE, id=node_id, beat=beat)


async def delete_node(db: Database, node_id: str) -> None:
    """Delete the row of a process that ends."""
    await db.execute("nodes.delete_node", DELETE_NODE, id=node_id)


async def claim_node(db: Database, row: NodeRow) -> bool:
    """Delete the row of a dead process; return False where it has changed, or another process was first."""
    return await db.execute("nodes.claim_node", CLAIM_NODE, id=row.id, beat=row.beat) > 0
