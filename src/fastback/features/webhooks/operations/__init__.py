"""What each operation tells: data of the contract, by area."""

from __future__ import annotations

from fastback.features.webhooks.emission import Table
from fastback.features.webhooks.operations import administration, chats, people, workspace

EVENT_RULES: Table = {**people.TABLE, **chats.TABLE, **workspace.TABLE, **administration.TABLE}
