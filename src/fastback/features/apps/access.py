"""Apps that users and other features may use: enabled, active, granted, and with the scopes that were granted."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import APPS_ENABLE
from fastback.features.apps import store
from fastback.features.apps.schemas import App
from fastback.kit.db import Database, Executor
from fastback.kit.http import Forbidden, NotFound

KIND = "app"


class AppAccess:
    """Find apps, and check who may use them."""

    def __init__(self, *, db: Database, config: Config, grants: Grants) -> None:
        self._db = db
        self._config = config
        self._grants = grants

    @property
    def is_enabled(self) -> bool:
        """Whether apps are enabled."""
        return self._config.get_bool(APPS_ENABLE)

    def require_enabled(self) -> None:
        """Raise NotFound if apps are disabled."""
        if not self.is_enabled:
            raise NotFound("Apps are disabled")

    async def get_app(self, app_id: str, db: Executor | None = None) -> App:
        """Return an app, read through `db` where that is a transaction.

        Raises:
            NotFound: apps are disabled, or there is no such app.
        """
        self.require_enabled()
        app = await store.find_app(db or self._db, app_id)
        if app is None:
            raise NotFound("App not found")
        return app

    async def get_active_app(self, app_id: str) -> App:
        """Return an app that is connected.

        Raises:
            NotFound: apps are disabled, or there is no such app. Forbidden: it is inactive.
        """
        app = await self.get_app(app_id)
        if not app.is_active or not app.api_key or not (app.data.get("manifest") or {}).get("public_key"):
            raise Forbidden("App is inactive")
        return app

    async def has_access(self, app: App, user: User) -> bool:
        """Return whether a user may use an app."""
        return user.is_admin or await self._grants.has_access(user.id, KIND, app.id)

    async def require_access(self, app: App, user: User) -> None:
        """Raise Forbidden if a user may not use an app."""
        if not await self.has_access(app, user):
            raise Forbidden("App invocation denied")


def has_scope(app: App, scope: str) -> bool:
    """Return whether an administrator has granted a scope to an app."""
    return scope in (app.data.get("granted_scopes") or [])


def require_scope(app: App, scope: str | None) -> None:
    """Raise Forbidden if a scope was not granted to an app."""
    if scope and not has_scope(app, scope):
        raise Forbidden("App scope was not granted")
