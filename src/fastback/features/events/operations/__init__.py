"""What each operation tells: data of the contract, by area."""

from __future__ import annotations

from fastback.features.events.operations import administration, chats, people, workspace
from fastback.features.events.telling import Table

TABLE: Table = {**people.TABLE, **chats.TABLE, **workspace.TABLE, **administration.TABLE}
