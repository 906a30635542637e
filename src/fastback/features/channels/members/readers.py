"""Decide from a channel and its grants who may read it."""

from __future__ import annotations

from fastback.access.grants import Grant
from fastback.features.channels.members.reader_store import Readers
from fastback.features.channels.store import Channel


def find_readers(channel: Channel, grants: list[Grant]) -> Readers:
    """Return the readers of a channel: its members, or those of a standard channel by its grants."""
    if channel.type == "group":
        return Readers("members", {"channel_id": channel.id})
    readable = [grant for grant in grants if grant.permission == "read"]
    if any(grant.principal_type == "user" and grant.principal_id == "*" for grant in readable):
        return Readers("everybody", {})
    user_ids = [channel.user_id, *(grant.principal_id for grant in readable if grant.principal_type == "user")]
    group_ids = [grant.principal_id for grant in readable if grant.principal_type == "group"]
    return Readers("granted", {"user_ids": list(dict.fromkeys(user_ids)), "group_ids": list(dict.fromkeys(group_ids))})
