"""Creation, change and deletion of users by an identity provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastback import messages
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.events import SessionsRevoked, UserChanged, UserDeleted
from fastback.features.auths.provisioning import Provisioner, generate_unusable_hash
from fastback.features.scim import user_store
from fastback.features.scim.documents import build_user
from fastback.features.scim.errors import Conflict, ResourceNotFound, ScimError
from fastback.features.scim.patch_operations import Operation
from fastback.features.scim.user_changes import UserChanges, follow_changes, plan_changes, require_valid_profile
from fastback.features.scim.user_details import decode_providers, encode_details
from fastback.features.scim.user_listing import UserListing
from fastback.features.scim.user_profile import INACTIVE_ROLE, UserProfile, collect_details, read_profile
from fastback.features.scim.user_store import UserRow
from fastback.features.users import deletion_store
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http.errors import BadRequest
from fastback.settings import Settings

if TYPE_CHECKING:
    from fastback.features.scim.standard.resources import User

#: Operations from which on a patch is applied in a thread: each takes a third of a millisecond.
_MANY_OPERATIONS = 10
#: How often a change is planned again because the user has changed meanwhile.
_ATTEMPTS = 5

Change = Callable[[UserRow, UserProfile], Awaitable[UserProfile]]


class UserService:
    """Writes users for an identity provider, and publishes what has changed."""

    def __init__(
        self, *, db: Database, bus: Bus, settings: Settings, provisioner: Provisioner, listing: UserListing
    ) -> None:
        self._db = db
        self._bus = bus
        self._settings = settings
        self._provisioner = provisioner
        self._listing = listing
        self._provider = settings.scim_auth_provider

    async def get_user(self, user_id: str) -> UserRow:
        """Return a provisioned user.

        Raises:
            ScimError: 404, no user has this id.
        """
        row = await user_store.find_user(self._db, user_id)
        if row is None:
            raise ResourceNotFound("User", user_id)
        return row

    async def create_user(self, profile: UserProfile) -> UserRow:
        """Create a user without a password.

        Raises:
            ScimError: 409, the address, the name or the external id is taken; 400, a value is invalid.
        """
        provider = self._listing.require_provider()
        external_id = profile.external_id
        if external_id and await user_store.find_id_by_external_id(self._db, provider, external_id) is not None:
            raise Conflict(f"User with externalId {external_id} already exists")
        require_valid_profile(profile, self._settings)
        await self._require_free_names(profile)
        try:
            account = await self._provisioner.create_provisioned_account(
                email=profile.email,
                password_hash=generate_unusable_hash(),
                name=profile.display_name,
                picture=None if profile.photo is None else profile.photo.value,
                role="user" if profile.active else INACTIVE_ROLE,
                scim=encode_details({}, provider, collect_details(profile)),
            )
        except BadRequest:
            raise self._build_conflict(profile.email) from None
        data = {"email": account.email, "role": account.role, "external_id": external_id}
        await self._publish("user.created", account.id, data)
        return await self.get_user(account.id)

    async def replace_user(self, user_id: str, user: User) -> UserRow:
        """Change the attributes of a user that a resource contains.

        Raises:
            ScimError: 404, there is no such user; 409, the address or the name is taken; 400, a value is invalid.
        """
        from fastback.features.scim.standard.users import replace_profile

        async def replace(row: UserRow, before: UserProfile) -> UserProfile:
            return replace_profile(before, user)

        return await self._change_user(user_id, replace)

    async def patch_user(self, user_id: str, operations: list[Operation]) -> UserRow:
        """Apply a patch to a user: all operations, or none.

        Raises:
            ScimError: 404, there is no such user; 409, the address or the name is taken; 400, an operation is invalid.
        """
        from fastback.features.scim.standard.patches import patch_user

        async def apply(row: UserRow, before: UserProfile) -> UserProfile:
            content = build_user(row, before, [], "")
            if len(operations) > _MANY_OPERATIONS:
                return await asyncio.to_thread(patch_user, content, before, operations)
            return patch_user(content, before, operations)

        return await self._change_user(user_id, apply)

    async def _change_user(self, user_id: str, change: Change) -> UserRow:
        for _ in range(_ATTEMPTS):
            row = await self.get_user(user_id)
            before = read_profile(row, self._provider)
            after = follow_changes(before, await change(row, before))
            changes = plan_changes(before, after, role=row.role, settings=self._settings)
            if (after.user_name, after.email) != (before.user_name, before.email):
                await self._require_free_names(after, user_id)
            if await self._write_changes(row, changes):
                await self._publish_changes(row, changes)
                return await self.get_user(user_id)
        raise ScimError(409, f"User {user_id} is changed by other requests")

    async def _write_changes(self, row: UserRow, changes: UserChanges) -> bool:
        """Write changes in one transaction, and return whether the user was still the same."""
        columns = dict(changes.columns)
        if changes.details is not None:
            provider = self._listing.require_provider()
            columns["scim"] = encode_details(decode_providers(row.scim), provider, changes.details)
        if not columns:
            return True
        try:
            async with self._db.transaction() as tx:
                if await user_store.lock_user(tx, row.id) != row:
                    return False
                await users.update_user(tx, row.id, **columns)
                if "email" in columns:
                    await credential_store.set_email(tx, row.id, columns["email"])
                if columns.get("role") == INACTIVE_ROLE:
                    await credential_store.revoke_sessions(tx, row.id)
        except IntegrityError:
            raise self._build_conflict(columns.get("email", row.email)) from None
        return True

    async def _publish_changes(self, row: UserRow, changes: UserChanges) -> None:
        role, fields = changes.columns.get("role"), changes.list_fields()
        if role is not None:
            # Open sockets must connect with the new role.
            await self._bus.publish(SessionsRevoked(row.id))
        if role is not None or fields:
            await self._bus.publish(UserChanged(row.id))
        if fields:
            await self._publish("user.updated", row.id, {"updated_fields": fields})
        if role is not None:
            await self._publish("user.role_updated", row.id, {"role": role})

    async def delete_user(self, user_id: str) -> None:
        """Delete a user with their records, as an administrator does.

        Raises:
            ScimError: 404, there is no such user; 403, the user is an administrator, or the first user.
        """
        row = await self.get_user(user_id)
        # A provider that deletes every account must not lock the installation.
        if row.role == "admin" or user_id == await users.find_first_user_id(self._db):
            raise ScimError(403, messages.ACTION_PROHIBITED)
        await deletion_store.delete_user(self._db, user_id)
        await self._bus.publish(UserDeleted(user_id))
        await self._publish("user.deleted", user_id, {"email": row.email})

    async def _require_free_names(self, profile: UserProfile, user_id: str = "") -> None:
        names = [profile.email, profile.user_name]
        if await user_store.is_name_taken(self._db, self._provider, names, user_id=user_id):
            raise self._build_conflict(profile.email)

    @staticmethod
    def _build_conflict(email: str) -> Conflict:
        return Conflict(f"User with email {email} already exists")

    async def _publish(self, event: str, user_id: str, data: dict[str, Any]) -> None:
        await self._bus.publish(ActivityEvent(event, None, user_id, data=data, source="scim"))
