"""Arenas: entries of the list behind which one of several models answers, unnamed, to be judged."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from fastback.access.identity import User

Entry = dict[str, Any]

#: What is offered where arenas are switched on and none is set up.
_DEFAULT: Entry = {
    "id": "arena-model",
    "name": "Arena Model",
    "meta": {
        "profile_image_url": "/favicon.png",
        "description": "A model you do not know answers; say which answer was better.",
        "model_ids": None,
    },
}


class Rights(msgspec.Struct):
    """What a user was given."""

    user_id: str
    readable: set[str]
    groups: set[str]

    def opened_by(self, grant: Entry) -> bool:
        kind, principal = grant.get("principal_type"), grant.get("principal_id")
        mine = principal in ("*", self.user_id) if kind == "user" else kind == "group" and principal in self.groups
        return mine and grant.get("permission") == "read"


def entries(configured: list[Any]) -> list[Entry]:
    """The entries of the arenas that are set up, or of the one there is without."""
    return [
        {
            "id": arena["id"],
            "name": arena["name"],
            "info": {"meta": deepcopy(arena.get("meta") or {})},
            "object": "model",
            "created": 0,
            "owned_by": "arena",
            "arena": True,
        }
        for arena in configured or [_DEFAULT]
    ]


def may_see(entry: Entry, user: User, rights: Rights) -> bool:
    """Whether a user may see an arena: one shared with nobody is the administrators'."""
    given = ((entry.get("info") or {}).get("meta") or {}).get("access_grants") or []
    return (not given and user.is_admin) or any(rights.opened_by(one) for one in given if isinstance(one, dict))
