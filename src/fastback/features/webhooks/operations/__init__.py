"""The events of each operation: names, subjects and data are those of the reference."""

from __future__ import annotations

from fastback.features.webhooks.emission import EventRules
from fastback.features.webhooks.operations import administration, chats, people, workspace

EVENT_RULES: EventRules = {**people.RULES, **chats.RULES, **workspace.RULES, **administration.RULES}
