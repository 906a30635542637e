"""Routes below `/api/v1/apps`: external apps, installed by administrators."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import msgspec

from fastback.access.grants import Grants, normalise_grants
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.apps import store
from fastback.features.apps.access import KIND, AppAccess
from fastback.features.apps.client import AppClient
from fastback.features.apps.connections.service import AppConnections
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.features.apps.schemas import (
    App,
    AppForm,
    AppResponse,
    AppUpdateForm,
    ConnectionForm,
    Manifest,
    PreviewForm,
    build_response,
    validate_manifest,
)
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http import BadRequest, Conflict, HttpError, Invalid, Router
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import convert_value

router = Router("/api/v1/apps")

#: Fields that connect an app to its server; they are removed with the app, and when its public key changes.
_INSTALLATION_FIELDS = ("connection_token", "installation_id")


def _remove_installation(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _INSTALLATION_FIELDS}


@router.get("")
async def list_apps(
    user: VerifiedUser, db: Database, access: AppAccess, grants: Grants, connections: AppConnections
) -> list[AppResponse]:
    """List all apps for an administrator, and for others the active apps they have access to."""
    access.require_enabled()
    apps = await store.list_apps(db)
    if not user.is_admin:
        active = [app for app in apps if app.is_active]
        accessible_ids = await grants.filter_accessible_ids(user.id, KIND, [app.id for app in active])
        apps = [app for app in active if app.id in accessible_ids]
    statuses = await connections.list_statuses(apps)
    return [build_response(app, statuses[app.id]) for app in apps]


@router.post("/manifest/preview")
async def preview_manifest(
    data: PreviewForm, user: AdminUser, access: AppAccess, client: AppClient, keys: AppKeyCipher
) -> Manifest:
    """Fetch the manifest of an app from its address, with the sent key or that of the installed app."""
    access.require_enabled()
    await asyncio.to_thread(keys.prepare)
    key = data.api_key
    if data.app_id:
        app = await access.get_app(data.app_id)
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


def _build_app(form: AppForm, manifest: Manifest, encrypted_key: str) -> App:
    """Return a new app, which is inactive."""
    now = time.time_ns()
    return App(
        id=str(uuid.uuid4()),
        slug=form.slug,
        name=manifest.name,
        is_active=False,
        data={
            "url": form.url,
            "manifest": msgspec.to_builtins(manifest),
            "granted_scopes": form.granted_scopes,
            "settings": {},
        },
        api_key=encrypted_key,
        created_at=now,
        updated_at=now,
    )


@router.post("")
async def create_app(
    data: AppForm,
    user: AdminUser,
    db: Database,
    access: AppAccess,
    grants: Grants,
    client: AppClient,
    keys: AppKeyCipher,
) -> AppResponse:
    """Create an app. It is inactive until it is connected."""
    await asyncio.to_thread(keys.prepare)
    manifest = validate_manifest(data.manifest)
    access.require_enabled()
    try:
        client.check_url(data.url)
    except ValueError:
        raise BadRequest("Invalid app URL") from None
    if not set(data.granted_scopes) <= set(manifest.requested_scopes):
        raise BadRequest("Unrequested scope")
    app = _build_app(data, manifest, keys.encrypt(data.api_key))
    try:
        async with db.transaction() as tx:
            await store.insert_app(tx, app, user.id)
            await grants.replace_grants(tx, KIND, app.id, normalise_grants(data.access_grants))
    except IntegrityError:
        raise Conflict("App slug is already registered") from None
    return build_response(app)


@router.get("/{app_id}")
async def get_app(
    app_id: str, user: AdminUser, access: AppAccess, grants: Grants, connections: AppConnections
) -> AppResponse:
    """Return an app with its access grants."""
    app = await access.get_app(app_id)
    access_grants = [
        {"principal_type": grant.principal_type, "principal_id": grant.principal_id, "permission": grant.permission}
        for grant in await grants.list_grants(KIND, app_id)
    ]
    return build_response(app, (await connections.list_statuses([app]))[app.id], access_grants)


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
            data = _remove_installation(data)
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
    app_id: str,
    data: AppUpdateForm,
    user: AdminUser,
    db: Database,
    access: AppAccess,
    grants: Grants,
    keys: AppKeyCipher,
    connections: AppConnections,
) -> AppResponse:
    """Change an app."""
    if data.manifest is not None:
        await asyncio.to_thread(keys.prepare)
        data.manifest = validate_manifest(data.manifest)
    async with db.transaction() as tx:
        app = _apply_changes(await access.get_app(app_id, tx), data)
        await store.update_app(tx, app)
        if data.access_grants is not None:
            await grants.replace_grants(tx, KIND, app_id, normalise_grants(data.access_grants))
    await connections.announce_change(app_id)
    return build_response(app)


@router.post("/{app_id}/connect")
async def connect_app(
    app_id: str,
    data: ConnectionForm,
    user: AdminUser,
    db: Database,
    access: AppAccess,
    keys: AppKeyCipher,
    connections: AppConnections,
) -> AppResponse:
    """Connect an app, which makes it active; a new API key takes the place of the stored one."""
    await asyncio.to_thread(keys.prepare)
    async with db.transaction() as tx:
        app = await access.get_app(app_id, tx)
        if data.api_key is not None and not (app.api_key and data.api_key == keys.find_key(app.api_key)):
            app = msgspec.structs.replace(app, data=_remove_installation(app.data), api_key=keys.encrypt(data.api_key))
        if not app.api_key:
            raise BadRequest("An app API key is required")
        now = max(time.time_ns(), app.updated_at + 1)
        app = msgspec.structs.replace(app, is_active=False, updated_at=now)
        await store.update_app(tx, app)
    return build_response(await connections.connect(app), "connected")


@router.delete("/{app_id}")
async def uninstall_app(
    app_id: str, user: AdminUser, db: Database, access: AppAccess, connections: AppConnections
) -> AppResponse:
    """Deactivate an app. Its row remains, for the messages it wrote; its key and channel memberships are removed."""
    async with db.transaction() as tx:
        app = await access.get_app(app_id, tx)
        now = time.time_ns()
        app = msgspec.structs.replace(
            app,
            is_active=False,
            api_key=None,
            data={name: value for name, value in _remove_installation(app.data).items() if name != "webui_url"},
            updated_at=max(now, app.updated_at + 1),
        )
        await store.update_app(tx, app)
        await store.deactivate_memberships(tx, app_id, now)
    await connections.announce_change(app_id)
    return build_response(app)
