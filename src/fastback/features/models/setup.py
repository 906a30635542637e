"""Build the services of workspace models."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.models import routes
from fastback.features.models.avatar_references import AvatarChecker
from fastback.features.models.references import ReferenceChecker
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.storage import Storage
from fastback.media.speech.avatars import AvatarFiles
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `WorkspaceModels`."""
    db = services.get(Database)
    settings = services.get(Settings)
    grants = services.get(Grants)
    permissions = services.get(Permissions)
    bypass = settings.bypass_admin_access_control
    references = ReferenceChecker(
        db=db,
        config=services.get(Config),
        grants=grants,
        file_access=services.get(FileAccess),
        storage=services.get(Storage),
        avatars=AvatarChecker(
            db=db,
            file_access=services.get(FileAccess),
            storage=services.get(Storage),
            avatars=services.get(AvatarFiles),
        ),
        bypass=bypass,
    )
    registry = services.get(ModelRegistry)
    services.add(
        WorkspaceModels,
        WorkspaceModels(
            db=db,
            grants=grants,
            permissions=permissions,
            registry=registry,
            settings=settings,
            references=references,
            bus=services.get(Bus),
        ),
    )


COMPONENT = Component(name="models", routers=routes.routers, setup=set_up)
