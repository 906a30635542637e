"""Routes below `/api/v1/channels`: the lists of channels. Messages of channels are not implemented yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE
from fastback.features.channels import store
from fastback.features.channels.store import Channel, ChannelMember, JoinedChannel
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, Router, Unauthorized
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/channels")

#: Seconds after a user's last request in which the user counts as active.
ACTIVE_SECONDS = 180

_FIELDS = Channel.__struct_fields__
#: The fields that follow the access grants in responses.
_FIELDS_AFTER_GRANTS = _FIELDS[_FIELDS.index("created_at") :]


async def _require_channels(user: User, catalog: RecordCatalog, config: Config) -> None:
    """Raise Forbidden if channels are disabled, Unauthorized if the user may not use them."""
    if not config.get_bool(CHANNELS_ENABLE):
        raise Forbidden(messages.feature_disabled("Channels"))
    if not user.is_admin and not await catalog.permissions.has(user.id, "features.channels"):
        raise Unauthorized(messages.UNAUTHORIZED)


async def _build_responses(channels: Sequence[Channel], catalog: RecordCatalog) -> list[dict[str, Any]]:
    """Return the channels with their access grants, in the order of fields of the reference."""
    responses = []
    for channel in channels:
        fields = {name: getattr(channel, name) for name in _FIELDS}
        fields_after_grants = {name: fields.pop(name) for name in _FIELDS_AFTER_GRANTS}
        responses.append({**fields, "access_grants": [], **fields_after_grants})
    return await catalog.add_details(responses, None, "channel", owner=False)


async def _list_joined_channels(db: Database, user: User, catalog: RecordCatalog) -> list[JoinedChannel]:
    return await store.list_joined_channels(db, user.id, await catalog.permissions.list_group_ids(user.id))


@router.get("/")
async def list_joined_channels(
    user: VerifiedUser, db: Database, config: Config, catalog: RecordCatalog
) -> list[dict[str, Any]]:
    """List the channels of the current user, with unread messages, and with the members of direct channels."""
    await _require_channels(user, catalog, config)
    channels = await _list_joined_channels(db, user, catalog)
    direct_ids = [channel.id for channel in channels if channel.type == "dm"]
    members = await store.list_members(db, direct_ids) if direct_ids else []
    responses = await _build_responses(channels, catalog)
    active_since = time.time() - ACTIVE_SECONDS
    for channel, response in zip(channels, responses, strict=True):
        is_direct = channel.type == "dm"
        users = [member for member in members if member.channel_id == channel.id] if is_direct else []
        response |= {
            "is_channel_muted": bool(channel.muted),
            "user_ids": [member.id for member in users] if is_direct else None,
            "users": [_describe_member(member, active_since) for member in users] if is_direct else None,
            "last_message_at": channel.last_message_at,
            "unread_count": channel.unread,
        }
    return responses


def _describe_member(member: ChannelMember, active_since: float) -> dict[str, Any]:
    return {
        "status_emoji": member.status_emoji,
        "status_message": member.status_message,
        "status_expires_at": member.status_expires_at,
        "id": member.id,
        "name": member.name,
        "is_active": (member.last_active_at or 0) >= active_since,
    }


@router.get("/list")
async def list_channels(
    user: VerifiedUser, db: Database, config: Config, catalog: RecordCatalog
) -> list[dict[str, Any]]:
    """List the channels of the current user, or for an administrator all channels."""
    await _require_channels(user, catalog, config)
    if not user.is_admin:
        return await _build_responses(await _list_joined_channels(db, user, catalog), catalog)
    return await _build_responses(await store.list_channels(db), catalog)
