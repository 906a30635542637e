"""The groups of a user who signs in, from the groups that the provider names."""

from __future__ import annotations

from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.events import GroupsChanged
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys import oauth as keys
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.features.groups import member_store, store
from fastback.features.groups.schemas import NamedItem
from fastback.features.oauth.blocked_groups import find_blocked_names, parse_patterns
from fastback.features.oauth.claims import Claims, find_claim_in, split_names
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.database import Transaction
from fastback.settings import Settings

#: Characters of the name of a group that is created.
_MAX_NAME = 255


class GroupMapping:
    """Makes users members of the groups that their provider names."""

    def __init__(self, *, db: Database, config: Config, settings: Settings, bus: Bus) -> None:
        self._db = db
        self._config = config
        self._settings = settings
        self._bus = bus

    def is_enabled(self) -> bool:
        """Return whether sign-ins change groups."""
        return self._config.get_bool(keys.OAUTH_ENABLE_GROUP_MAPPING)

    async def apply(self, account: Credential, sources: list[Claims]) -> None:
        """Make a user a direct member of exactly the groups in the claims, except for blocked groups.

        Without groups in the claims nothing changes. Missing groups are created if the configuration says so.
        """
        claim = self._config.get_text(keys.OAUTH_GROUP_CLAIM)
        value = find_claim_in(sources, claim) if claim else None
        if isinstance(value, list):
            value = [name for name in value if isinstance(name, str)]
        names = {name for name in split_names(value, self._settings.oauth_groups_separator) if name}
        if not names:
            return
        joined = await store.list_groups_of_user(self._db, account.id)
        patterns = parse_patterns(self._config.get(keys.OAUTH_BLOCKED_GROUPS))
        blocked = await find_blocked_names(names | {group.name for group in joined}, patterns)
        async with self._db.transaction() as tx:
            await store.lock_groups(tx)
            created = await self._create_groups(tx, names - blocked)
            wanted_ids = {group.id for group in await store.list_named_groups(tx, list(names - blocked))}
            joined_ids = {group.id for group in joined}
            kept_ids = {group.id for group in joined if group.name in names or group.name in blocked}
            await member_store.set_joined_groups(tx, account.id, kept_ids | wanted_ids)
        await self._announce(account, created, wanted_ids - joined_ids, joined_ids - kept_ids)

    async def _create_groups(self, tx: Transaction, names: set[str]) -> list[NamedItem]:
        """Create the groups that are missing, if the configuration says so, and return them."""
        if not self._config.get_bool(keys.OAUTH_ENABLE_GROUP_CREATION):
            return []
        existing = {group.name for group in await store.list_named_groups(tx, list(names))}
        missing = sorted(name for name in names - existing if len(name) <= _MAX_NAME)
        if not missing:
            return []
        creator_id = await users.find_first_user_id(tx)
        created = []
        for name in missing:
            fields = {
                "parent_group_id": None,
                "user_id": creator_id,
                "name": name,
                "description": f"Group '{name}' created automatically via OAuth.",
                "data": {"config": {"share": self._config.get(keys.OAUTH_GROUP_DEFAULT_SHARE)}},
                "permissions": self._config.get_object(USER_PERMISSIONS),
            }
            created.append(NamedItem(await store.insert_group(tx, fields), name))
        return created

    async def _announce(
        self, account: Credential, created: list[NamedItem], joined_ids: set[str], left_ids: set[str]
    ) -> None:
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        if joined_ids or left_ids:
            await self._bus.publish(GroupsChanged((account.id,)))
        for group in created:
            await self._bus.publish(
                ActivityEvent("group.created", None, group.id, data={"name": group.name}, source="oauth")
            )
        for event, group_ids in (("group.member_removed", left_ids), ("group.member_added", joined_ids)):
            for group_id in sorted(group_ids):
                data = {"user_ids": [account.id]}
                await self._bus.publish(ActivityEvent(event, user, group_id, data=data, source="oauth"))
