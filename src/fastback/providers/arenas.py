"""Arenas: entries in the list of models, behind which a random model answers for people to judge it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.providers.model_checks import clean_meta

Entry = dict[str, Any]

#: The arena that is offered where arenas are switched on and none is configured.
_DEFAULT_ARENA: Entry = {
    "id": "arena-model",
    "name": "Arena Model",
    "meta": {
        "profile_image_url": "/favicon.png",
        "description": "A model you do not know answers; say which answer was better.",
        "model_ids": None,
    },
}


class ModelGrants(msgspec.Struct):
    """Which models were shared with a user, and the user's groups, whose grants count for arenas."""

    user_id: str
    readable_ids: set[str]
    group_ids: set[str]

    def includes(self, grant: Entry) -> bool:
        """Return whether a grant lets the user read."""
        kind, principal_id = grant.get("principal_type"), grant.get("principal_id")
        if kind == "user":
            is_user_included = principal_id in ("*", self.user_id)
        else:
            is_user_included = kind == "group" and principal_id in self.group_ids
        return is_user_included and grant.get("permission") == "read"


def build_entries(configured: list[Any]) -> list[Entry]:
    """Return the entries of the configured arenas, or of the default arena where none is configured.

    What is configured but has no id is no arena.
    """
    return [
        {
            "id": arena["id"],
            "name": arena["name"] if isinstance(arena.get("name"), str) else arena["id"],
            "info": {"meta": deepcopy(clean_meta(arena.get("meta")))},
            "object": "model",
            "created": 0,
            "owned_by": "arena",
            "arena": True,
        }
        for arena in configured or [_DEFAULT_ARENA]
        if isinstance(arena, dict) and isinstance(arena.get("id"), str) and arena["id"]
    ]


def may_see_arena(entry: Entry, user: User, grants: ModelGrants) -> bool:
    """Return whether a user may see an arena: by its grants; without any it is for administrators."""
    arena_grants = ((entry.get("info") or {}).get("meta") or {}).get("access_grants") or []
    if not arena_grants and user.is_admin:
        return True
    return any(grants.includes(grant) for grant in arena_grants if isinstance(grant, dict))
