"""Routes below `/api/v1/apps`: external apps, installed by administrators. Connecting to apps is not implemented."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access.grants import Grants, normalise_grants
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys.features import APPS_ENABLE
from fastback.features.apps import store
from fastback.features.apps.client import AppClient
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.features.apps.schemas import (
    App,
    AppForm,
    AppResponse,
    AppUpdateForm,
    Manifest,
    PreviewForm,
    build_response,
    validate_manifest,
)
from fastback.kit.db import Database, Executor, IntegrityError
from fastback.kit.http import BadRequest, Conflict, HttpError, Invalid, NotFound, Router
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import convert_value

router = Router("/api/v1/apps")

TYPE = "app"
#: Fields that connect an app to its server; they are removed with the app, and when its public key changes.
_INSTALLATION_FIELDS = ("connection_token", "installation_id")


def _require_enabled(config: Config) -> None:
    """Raise NotFound if apps are disabled."""
    if not config.get_bool(APPS_ENABLE):
        raise NotFound("Apps are disabled")


async def _get_app(config: Config, db: Executor, app_id: str) -> App:
    _require_enabled(config)
    app = await store.find_app(db, app_id)
    if app is None:
        raise NotFound("App not found")
    return app


@router.get("")
async def list_apps(user: VerifiedUser, config: Config, db: Database, grants: Grants) -> list[AppResponse]:
    """List all apps for an administrator, and for others the active apps they have access to."""
    _require_enabled(config)
    apps = await store.list_apps(db)
    if not user.is_admin:
        active = [app for app in apps if app.is_active]
        accessible_ids = await grants.filter_accessible_ids(user.id, TYPE, [app.id for app in active])
        apps = [app for app in active if app.id in accessible_ids]
    return [build_response(app) for app in apps]


@router.post("/manifest/preview")
async def preview_manifest(
    data: PreviewForm, user: AdminUser, config: Config, db: Database, client: AppClient, keys: AppKeyCipher
) -> Manifest:
    """Fetch the manifest of an app from its address, with the sent key or that of the installed app."""
    _require_enabled(config)
    key = data.api_key
    if data.app_id:
        app = await _get_app(config, db, data.app_id)
        if data.url != app.data.get("url"):
            raise BadRequest("App URL does not match the installed app")
        if key is None and app.api_key:
            key = keys.decrypt(app.api_key)
    if not key:
        raise BadRequest("An app API key is required")
    status, content = await client.fetch_json(data.url, {"authorization": f"Bearer {key}"})
    if status in (401, 403):
        raise BadRequest("App rejected the API key. Check the API key configured on the app server.")
    if status != 200:
        detail = f"App manifest endpoint returned HTTP {status}. Check the URL or enter details manually."
        raise HttpError(502, detail)
    problems: list[Problem] = []
    manifest = convert_value(Manifest, content, (), problems)
    try:
        if not problems:
            return validate_manifest(msgspec.convert(manifest, Manifest))
    except (Invalid, msgspec.ValidationError):
        pass
    raise BadRequest("App returned an invalid manifest. Check its app details or enter them manually.")


@router.post("")
async def create_app(
    data: AppForm, user: AdminUser, config: Config, db: Database, grants: Grants, client: AppClient, keys: AppKeyCipher
) -> AppResponse:
    """Create an app. It is inactive until it is connected."""
    manifest = validate_manifest(data.manifest)
    _require_enabled(config)
    try:
        client.check_url(data.url)
    except ValueError:
        raise BadRequest("Invalid app URL") from None
    if not set(data.granted_scopes) <= set(manifest.requested_scopes):
        raise BadRequest("Unrequested scope")
    now = time.time_ns()
    app = App(
        id=str(uuid.uuid4()),
        slug=data.slug,
        name=manifest.name,
        is_active=False,
        data={
            "url": data.url,
            "manifest": msgspec.to_builtins(manifest),
            "granted_scopes": data.granted_scopes,
            "settings": {},
        },
        api_key=keys.encrypt(data.api_key),
        created_at=now,
        updated_at=now,
    )
    try:
        async with db.transaction() as tx:
            await store.insert_app(tx, app, user.id)
            await grants.replace_grants(tx, TYPE, app.id, normalise_grants(data.access_grants))
    except IntegrityError:
        raise Conflict("App slug is already registered") from None
    return build_response(app)


@router.get("/{app_id}")
async def get_app(app_id: str, user: AdminUser, config: Config, db: Database, grants: Grants) -> AppResponse:
    """Return an app with its access grants."""
    app = await _get_app(config, db, app_id)
    access_grants = [
        {"principal_type": grant.principal_type, "principal_id": grant.principal_id, "permission": grant.permission}
        for grant in await grants.list_grants(TYPE, app_id)
    ]
    return build_response(app, access_grants)


def _apply_changes(app: App, form: AppUpdateForm) -> App:
    """Return the app with the changes of the form. A new manifest, or switching it off, makes it inactive.

    Raises:
        BadRequest: the change is not allowed.
    """
    if form.is_active:
        raise BadRequest("Connect the app to enable it")
    data: dict[str, Any] = dict(app.data)
    if form.settings is not None:
        data["settings"] = form.settings
    old_manifest = data["manifest"]
    if form.manifest is not None:
        manifest = msgspec.to_builtins(form.manifest)
        if manifest["id"] != old_manifest["id"]:
            raise BadRequest("App identity cannot change")
        if form.granted_scopes is None or not set(form.granted_scopes) <= set(manifest["requested_scopes"]):
            raise BadRequest("Review the updated scopes")
        data |= {"manifest": manifest, "granted_scopes": form.granted_scopes}
        if manifest["public_key"] != old_manifest["public_key"]:
            data = {name: value for name, value in data.items() if name not in _INSTALLATION_FIELDS}
    elif form.granted_scopes is not None:
        if not set(form.granted_scopes) <= set(old_manifest["requested_scopes"]):
            raise BadRequest("Unrequested scope")
        data["granted_scopes"] = form.granted_scopes
    return msgspec.structs.replace(
        app,
        name=app.name if form.name is None else form.name,
        is_active=app.is_active and form.is_active is None and form.manifest is None,
        data=data,
        updated_at=max(time.time_ns(), app.updated_at + 1),
    )


@router.patch("/{app_id}")
async def update_app(
    app_id: str, data: AppUpdateForm, user: AdminUser, config: Config, db: Database, grants: Grants
) -> AppResponse:
    """Change an app."""
    if data.manifest is not None:
        data.manifest = validate_manifest(data.manifest)
    async with db.transaction() as tx:
        app = _apply_changes(await _get_app(config, tx, app_id), data)
        await store.update_app(tx, app)
        if data.access_grants is not None:
            await grants.replace_grants(tx, TYPE, app_id, normalise_grants(data.access_grants))
    return build_response(app)


@router.delete("/{app_id}")
async def uninstall_app(app_id: str, user: AdminUser, config: Config, db: Database) -> AppResponse:
    """Deactivate an app. Its row remains, for the messages it wrote; its key and channel memberships are removed."""
    async with db.transaction() as tx:
        app = await _get_app(config, tx, app_id)
        now = time.time_ns()
        app = msgspec.structs.replace(
            app,
            is_active=False,
            api_key=None,
            data={name: value for name, value in app.data.items() if name not in (*_INSTALLATION_FIELDS, "webui_url")},
            updated_at=max(now, app.updated_at + 1),
        )
        await store.update_app(tx, app)
        await store.deactivate_memberships(tx, app_id, now)
    return build_response(app)
