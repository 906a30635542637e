"""Build and register the SCIM interface, where the settings enable it."""

from __future__ import annotations

import logging

from fastback.features.auths.provisioning import Provisioner
from fastback.features.groups.service import GroupService
from fastback.features.scim import discovery_routes, group_routes, search_routes, user_routes
from fastback.features.scim.group_listing import GroupListing
from fastback.features.scim.group_service import GroupProvisioning
from fastback.features.scim.user_listing import UserListing
from fastback.features.scim.user_service import UserService
from fastback.features.scim.user_store import INDEX
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.settings import Settings

log = logging.getLogger("fastback.scim")


def is_enabled(services: Services) -> bool:
    """Return whether the interface exists; otherwise its paths are not found."""
    return services.get(Settings).enable_scim


async def set_up(services: Services) -> None:
    """Add the services that list and write users and groups, and warn of settings that are missing."""
    settings, db, bus = services.get(Settings), services.get(Database), services.get(Bus)
    listing = UserListing(db, settings.scim_auth_provider)
    services.add(UserListing, listing)
    services.add(GroupListing, GroupListing(db))
    users = UserService(db=db, bus=bus, settings=settings, provisioner=services.get(Provisioner), listing=listing)
    services.add(UserService, users)
    services.add(GroupProvisioning, GroupProvisioning(db=db, bus=bus, groups=services.get(GroupService)))
    if settings.enable_scim and not settings.scim_token:
        log.warning("SCIM is enabled, but SCIM_TOKEN is not set: every request is refused")
    if settings.enable_scim and not settings.scim_auth_provider:
        log.warning(
            "SCIM is enabled, but SCIM_AUTH_PROVIDER is not set: users cannot be created or found by externalId"
        )


COMPONENT = Component(
    name="scim",
    routers=[user_routes.router, group_routes.router, search_routes.router, discovery_routes.router],
    setup=set_up,
    indexes=[INDEX],
    is_enabled=is_enabled,
)
