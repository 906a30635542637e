"""The services that every component may get: configuration, permissions, identities, passwords, the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from fastback.access.audit import AuditLog
from fastback.access.grants import Grants
from fastback.access.identity import IdentityResolver
from fastback.access.passwords import PasswordHasher
from fastback.access.permissions import Permissions
from fastback.access.revocations import RedisRevocations
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.redis import Redis
from fastback.kit.services import Services
from fastback.settings import Settings


async def add_access_services(services: Services, settings: Settings, env: Mapping[str, str]) -> None:
    """Add the services; the configuration is read from the database."""
    database, bus = services.get(Database), services.get(Bus)
    config = await Config.load(database, settings, bus, env)
    permissions = Permissions(database, config, bus)
    services.add(Config, config)
    services.add(Permissions, permissions)
    services.add(Grants, Grants(database, permissions))
    services.add(TokenSigner, TokenSigner(settings.webui_secret_key))
    services.add(IdentityResolver, _make_identities(services, settings))
    services.add(PasswordHasher, _make_password_hasher(settings))
    audit = AuditLog.from_settings(settings)
    if audit is not None:
        services.add(AuditLog, audit)


def _make_identities(services: Services, settings: Settings) -> IdentityResolver:
    return IdentityResolver(
        db=services.get(Database),
        tokens=services.get(TokenSigner),
        config=services.get(Config),
        permissions=services.get(Permissions),
        bus=services.get(Bus),
        revocations=RedisRevocations(services.get(Redis), services.get(Bus)) if services.has(Redis) else None,
        seen_every=settings.database_user_active_status_update_interval,
    )


def _make_password_hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(
        settings.password_hash_algorithm,
        pattern=settings.password_validation_regex_pattern if settings.enable_password_validation else None,
        hint=settings.password_validation_hint,
    )
