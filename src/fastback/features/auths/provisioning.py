"""Provision accounts: create them, and give them the role and the groups that a directory or a proxy names."""

from __future__ import annotations

import uuid
from typing import Any

from fastback import messages
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.events import GroupsChanged, SessionsRevoked, UserChanged
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.interface import UI_DEFAULT_GROUP_ID, UI_DEFAULT_USER_ROLE, UI_ENABLE_SIGNUP
from fastback.features.auths.account_store import insert_account
from fastback.features.groups import member_store as group_members
from fastback.features.groups import store as groups
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http.errors import BadRequest


def generate_unusable_hash() -> str:
    """Return the password hash of an account without a password: no password matches it, in either program."""
    return str(uuid.uuid4())


class Provisioner:
    """Creates accounts and keeps their roles and groups, the same way for every method of sign-in."""

    def __init__(self, *, db: Database, config: Config, bus: Bus) -> None:
        self._db = db
        self._config = config
        self._bus = bus

    async def create_account(
        self,
        *,
        email: str,
        password_hash: str,
        name: str,
        picture: str | None = "/user.png",
        role: str | None = None,
        oauth: dict[str, Any] | None = None,
    ) -> Credential:
        """Create an account with the default role; the first account is the administrator's, and closes the sign-up.

        `oauth` has the subject of the user by provider: `{"oidc": {"sub": "…"}}`.

        Raises:
            BadRequest: the address is taken.
        """
        role = role or self._config.get_text(UI_DEFAULT_USER_ROLE) or "pending"
        try:
            account = await insert_account(
                self._db,
                email=email.lower(),
                password_hash=password_hash,
                name=name,
                picture=picture,
                role=role,
                oauth=oauth,
            )
        except IntegrityError:
            raise BadRequest(messages.EMAIL_TAKEN) from None
        if account.role == "admin" and role != "admin":
            await self._config.set(UI_ENABLE_SIGNUP, False)
        await self._join_default_group(account.id)
        await self._bus.publish(UserChanged(account.id))
        return account

    async def create_provisioned_account(
        self, *, email: str, password_hash: str, name: str, picture: str | None, role: str, scim: dict[str, Any]
    ) -> Credential:
        """Create an account that a directory manages: it decides about the role and the groups.

        So the account joins no default group, and is no administrator's, even in an empty installation. `scim` has
        the external id of the user by provider.

        Raises:
            BadRequest: the address is taken.
        """
        try:
            account = await insert_account(
                self._db,
                email=email.lower(),
                password_hash=password_hash,
                name=name,
                picture=picture,
                role=role,
                scim=scim,
                may_administrate=False,
            )
        except IntegrityError:
            raise BadRequest(messages.EMAIL_TAKEN) from None
        await self._bus.publish(UserChanged(account.id))
        return account

    async def find_or_create_account(self, *, email: str, name: str, source: str) -> Credential:
        """Return the account with this address; create it without a password if it is new.

        `source` is the method of sign-in that provisions it, for the event.

        Raises:
            BadRequest: the account was deactivated.
        """
        account = await credential_store.find_credential_by_email(self._db, email)
        if account is None:
            try:
                account = await self.create_account(email=email, password_hash=generate_unusable_hash(), name=name)
                await self.publish_creation(account, source)
            except BadRequest:
                # Another request created the account at the same time.
                account = await credential_store.find_credential_by_email(self._db, email)
        if account is None or not account.active:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        return account

    async def _join_default_group(self, user_id: str) -> None:
        group_id = self._config.get_text(UI_DEFAULT_GROUP_ID)
        if group_id:
            await group_members.join_group(self._db, group_id, user_id)
            await self._bus.publish(GroupsChanged((user_id,)))

    async def set_role(
        self, account: Credential, role: str, *, source: str, data: dict[str, Any] | None = None
    ) -> None:
        """Change the role of an account, also in place; nothing happens where it has that role.

        Tokens stay valid after a change of role, but open sockets must connect with the new role.
        """
        if role == account.role:
            return
        await users.set_role(self._db, account.id, role)
        account.role = role
        await self._bus.publish(SessionsRevoked(account.id))
        await self._bus.publish(UserChanged(account.id))
        await self._publish_event("user.role_updated", account, source, data)

    async def set_groups(self, user_id: str, names: list[str]) -> None:
        """Make the user a direct member of exactly the existing groups with these names."""
        async with self._db.transaction() as tx:
            group_ids = set(await groups.list_ids_by_name(tx, names))
            has_changed = await group_members.set_joined_groups(tx, user_id, group_ids)
        if has_changed:
            await self._bus.publish(GroupsChanged((user_id,)))

    async def publish_creation(self, account: Credential, source: str, data: dict[str, Any] | None = None) -> None:
        """Publish that an account was created by a sign-in."""
        await self._publish_event("user.created", account, source, data)

    async def _publish_event(self, event: str, account: Credential, source: str, data: dict[str, Any] | None) -> None:
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        details = {"role": account.role, **(data or {})}
        await self._bus.publish(ActivityEvent(event, user, account.id, data=details, source=source))
