"""Accounts of people who sign in at a provider: found, linked, created, and updated from the provider's claims."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from fastback import messages
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.events import UserChanged
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys import oauth as keys
from fastback.features.auths.provisioning import Provisioner, generate_unusable_hash
from fastback.features.oauth.claims import read_text
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import SignInRefused
from fastback.features.oauth.external_identity import ExternalIdentity
from fastback.features.oauth.pictures import DEFAULT_PICTURE, PictureFetcher
from fastback.features.oauth.providers import Provider
from fastback.features.oauth.roles import RolePolicy
from fastback.features.users import oauth_store
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http.errors import BadRequest

log = logging.getLogger("fastback.oauth")

#: Characters of a name.
_MAX_NAME = 255


class OAuthAccounts:
    """Maps identities at providers to accounts."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        bus: Bus,
        provisioner: Provisioner,
        roles: RolePolicy,
        pictures: PictureFetcher,
        discovery: Discovery,
    ) -> None:
        self._db = db
        self._config = config
        self._bus = bus
        self._provisioner = provisioner
        self._roles = roles
        self._pictures = pictures
        self._discovery = discovery

    async def find(self, identity: ExternalIdentity) -> Credential | None:
        """Return the account of a person; one with the same address is linked if the configuration merges accounts.

        Raises:
            SignInRefused: the account was deactivated.
        """
        user_id = await oauth_store.find_id_by_subject(self._db, identity.provider, identity.subject)
        if user_id is None and self._config.get_bool(keys.OAUTH_MERGE_ACCOUNTS_BY_EMAIL):
            user_id = await users.find_id_by_email(self._db, identity.email)
        account = None if user_id is None else await credential_store.find_credential(self._db, user_id)
        if account is None:
            return None
        if not account.active:
            raise SignInRefused("the account was deactivated", detail=messages.INVALID_AUTHENTICATION, status=401)
        async with self._db.transaction() as tx:
            await oauth_store.set_subject(tx, account.id, identity.provider, identity.subject)
        return account

    async def create(self, provider: Provider, identity: ExternalIdentity, access_token: str) -> Credential:
        """Create the account of a person.

        Raises:
            SignInRefused: sign-up is closed, the roles are not allowed, or the address is taken.
        """
        if not self._config.get_bool(keys.OAUTH_ENABLE_SIGNUP):
            raise SignInRefused("sign-up is closed", detail=messages.ACCESS_PROHIBITED)
        if await users.is_email_taken(self._db, identity.email):
            return await self._get_account_created_meanwhile(identity)
        role = await self._roles.decide_role(None, [identity.claims])
        picture = await self._fetch_picture(provider, identity, access_token)
        name = read_text(identity.claims, self._config.get_text(keys.OAUTH_USERNAME_CLAIM)) or identity.email
        try:
            account = await self._provisioner.create_account(
                email=identity.email,
                password_hash=generate_unusable_hash(),
                name=name[:_MAX_NAME],
                picture=picture or DEFAULT_PICTURE,
                role=role,
                oauth={identity.provider: {"sub": identity.subject}},
            )
        except BadRequest:
            return await self._get_account_created_meanwhile(identity)
        await self._provisioner.publish_creation(account, "oauth", {"provider": identity.provider})
        return account

    async def _get_account_created_meanwhile(self, identity: ExternalIdentity) -> Credential:
        """Return the account that another sign-in of the same person has created at the same time.

        Raises:
            SignInRefused: the address belongs to another account.
        """
        account = await self.find(identity)
        if account is None:
            raise SignInRefused("the email address is taken", detail=messages.EMAIL_TAKEN)
        return account

    async def update(self, provider: Provider, account: Credential, identity: ExternalIdentity, token: str) -> None:
        """Update name, address and picture of an account, also in place, where the configuration says so."""
        changes: dict[str, Any] = {}
        if self._config.get_bool(keys.OAUTH_UPDATE_NAME_ON_LOGIN):
            name = read_text(identity.claims, self._config.get_text(keys.OAUTH_USERNAME_CLAIM))[:_MAX_NAME]
            if name and name != account.name:
                changes["name"] = name
        if self._config.get_bool(keys.OAUTH_UPDATE_EMAIL_ON_LOGIN):
            email = read_text(identity.claims, self._config.get_text(keys.OAUTH_EMAIL_CLAIM)).lower()
            if email == identity.email and email != account.email.lower():
                changes["email"] = email
        if self._config.get_bool(keys.OAUTH_UPDATE_PICTURE_ON_LOGIN):
            picture = await self._fetch_picture(provider, identity, token)
            current = await users.find_picture(self._db, account.id)
            if picture is not None and (current is None or picture != current.profile_image_url):
                changes["profile_image_url"] = picture
        if "email" in changes and await users.is_email_taken(self._db, changes["email"]):
            log.warning("new email address of user %s is taken, skipped", account.id)
            del changes["email"]
        if changes:
            await self._store_changes(account, changes, identity.provider)

    async def _store_changes(self, account: Credential, changes: dict[str, Any], provider: str) -> None:
        try:
            async with self._db.transaction() as tx:
                if "email" in changes:
                    await credential_store.set_email(tx, account.id, changes["email"])
                await users.update_user(tx, account.id, **changes)
        except IntegrityError:
            log.warning("new email address of user %s is taken, changes skipped", account.id)
            return
        account.name = changes.get("name", account.name)
        account.email = changes.get("email", account.email)
        await self._bus.publish(UserChanged(account.id))
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        data = {"updated_fields": list(changes), "provider": provider}
        await self._bus.publish(ActivityEvent("user.updated", user, account.id, data=data, source="oauth"))

    async def _fetch_picture(self, provider: Provider, identity: ExternalIdentity, access_token: str) -> str | None:
        """Return the picture of a person, the default one where the provider names none, None where that fails."""
        claim = self._config.get_text(keys.OAUTH_PICTURE_CLAIM)
        if not claim:
            return DEFAULT_PICTURE
        url = read_text(identity.claims, claim) or provider.picture_url
        if not url:
            return DEFAULT_PICTURE
        # An access token is for the provider alone, and the claim may name any host.
        own_urls = (provider.picture_url, (await self._discovery.get_metadata(provider)).userinfo_endpoint)
        is_own = _get_origin(url) in {_get_origin(own_url) for own_url in own_urls if own_url}
        return await self._pictures.fetch(url, token=access_token if is_own else "")


def _get_origin(url: str) -> tuple[str, str] | None:
    """Return scheme and host of an address; None where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc) if parts.netloc else None
