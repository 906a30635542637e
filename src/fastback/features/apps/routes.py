"""`/api/v1/apps`: external apps, set up by administrators. What needs a connected app is not built."""

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
from fastback.features.apps.client import Apps
from fastback.features.apps.key_encryption import AppKeys
from fastback.features.apps.schemas import (
    App,
    AppForm,
    ChangeForm,
    Manifest,
    PreviewForm,
    Shown,
    checked,
    shown,
)
from fastback.kit.db import Database, Executor, IntegrityError
from fastback.kit.http import BadRequest, Conflict, HttpError, Invalid, NotFound, Router
from fastback.kit.http.coercion import Problem
from fastback.kit.http.validation import check

router = Router("/api/v1/apps")

TYPE = "app"
#: What ties an app to its server; it is gone with the app, or with another key.
_TIES = ("connection_token", "installation_id")


def _enabled(config: Config) -> None:
    """Raises: NotFound, apps are switched off."""
    if not config.flag(APPS_ENABLE):
        raise NotFound("Apps are disabled")


async def _app(config: Config, db: Executor, app_id: str) -> App:
    _enabled(config)
    app = await store.get(db, app_id)
    if app is None:
        raise NotFound("App not found")
    return app


@router.get("")
async def apps(user: VerifiedUser, config: Config, db: Database, grants: Grants) -> list[Shown]:
    """Administrators see all, others those that are active and open to them."""
    _enabled(config)
    found = await store.every(db)
    if not user.is_admin:
        active = [one for one in found if one.is_active]
        allowed = await grants.filter_accessible_ids(user.id, TYPE, [one.id for one in active])
        found = [one for one in active if one.id in allowed]
    return [shown(one) for one in found]


@router.post("/manifest/preview")
async def preview(
    data: PreviewForm, user: AdminUser, config: Config, db: Database, calls: Apps, keys: AppKeys
) -> Manifest:
    """What an app says of itself at its address, asked with its key, or with the one it was set up with."""
    _enabled(config)
    key = data.api_key
    if data.app_id:
        app = await _app(config, db, data.app_id)
        if data.url != app.data.get("url"):
            raise BadRequest("App URL does not match the installed app")
        if key is None and app.api_key:
            key = keys.open(app.api_key)
    if not key:
        raise BadRequest("An app API key is required")
    status, answer = await calls.ask(data.url, {"authorization": f"Bearer {key}"})
    if status in (401, 403):
        raise BadRequest("App rejected the API key. Check the API key configured on the app server.")
    if status != 200:
        words = f"App manifest endpoint returned HTTP {status}. Check the URL or enter details manually."
        raise HttpError(502, words)
    problems: list[Problem] = []
    manifest = check(Manifest, answer, (), problems)
    try:
        if not problems:
            return checked(msgspec.convert(manifest, Manifest))
    except (Invalid, msgspec.ValidationError):
        pass
    raise BadRequest("App returned an invalid manifest. Check its app details or enter them manually.")


@router.post("")
async def create(
    data: AppForm, user: AdminUser, config: Config, db: Database, grants: Grants, calls: Apps, keys: AppKeys
) -> Shown:
    """Set an app up. It is inactive until it is connected."""
    manifest = checked(data.manifest)
    _enabled(config)
    try:
        calls.check(data.url)
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
        api_key=keys.seal(data.api_key),
        created_at=now,
        updated_at=now,
    )
    try:
        async with db.transaction() as tx:
            await store.add(tx, app, user.id)
            await grants.replace_grants(tx, TYPE, app.id, normalise_grants(data.access_grants))
    except IntegrityError:
        raise Conflict("App slug is already registered") from None
    return shown(app)


@router.get("/{app_id}")
async def details(app_id: str, user: AdminUser, config: Config, db: Database, grants: Grants) -> Shown:
    app = await _app(config, db, app_id)
    found = [
        {"principal_type": one.principal_type, "principal_id": one.principal_id, "permission": one.permission}
        for one in await grants.list_grants(TYPE, app_id)
    ]
    return shown(app, found)


def _changed(app: App, form: ChangeForm) -> App:
    """The app as the form wants it; a new manifest, or being switched off, leaves it inactive.

    Raises:
        BadRequest: it cannot become that.
    """
    if form.is_active:
        raise BadRequest("Connect the app to enable it")
    data: dict[str, Any] = dict(app.data)
    if form.settings is not None:
        data["settings"] = form.settings
    known = data["manifest"]
    if form.manifest is not None:
        manifest = msgspec.to_builtins(form.manifest)
        if manifest["id"] != known["id"]:
            raise BadRequest("App identity cannot change")
        if form.granted_scopes is None or not set(form.granted_scopes) <= set(manifest["requested_scopes"]):
            raise BadRequest("Review the updated scopes")
        data |= {"manifest": manifest, "granted_scopes": form.granted_scopes}
        if manifest["public_key"] != known["public_key"]:
            data = {name: value for name, value in data.items() if name not in _TIES}
    elif form.granted_scopes is not None:
        if not set(form.granted_scopes) <= set(known["requested_scopes"]):
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
async def update(app_id: str, data: ChangeForm, user: AdminUser, config: Config, db: Database, grants: Grants) -> Shown:
    if data.manifest is not None:
        data.manifest = checked(data.manifest)
    async with db.transaction() as tx:
        app = _changed(await _app(config, tx, app_id), data)
        await store.update(tx, app)
        if data.access_grants is not None:
            await grants.replace_grants(tx, TYPE, app_id, normalise_grants(data.access_grants))
    return shown(app)


@router.delete("/{app_id}")
async def uninstall(app_id: str, user: AdminUser, config: Config, db: Database) -> Shown:
    """The record stays, for the messages it has written; its key and its place in channels are gone."""
    async with db.transaction() as tx:
        app = await _app(config, tx, app_id)
        now = time.time_ns()
        app = msgspec.structs.replace(
            app,
            is_active=False,
            api_key=None,
            data={name: value for name, value in app.data.items() if name not in (*_TIES, "webui_url")},
            updated_at=max(now, app.updated_at + 1),
        )
        await store.update(tx, app)
        await store.leave_channels(tx, app_id, now)
    return shown(app)
