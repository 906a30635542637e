"""Routes about the server itself: configuration of the frontend, version, health, documents and cached files."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fastback import REFERENCE_VERSION
from fastback.access.guards import VerifiedUser, read_token
from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.server import documents
from fastback.features.server.active_models import ActiveModels
from fastback.features.server.group_defaults import find_group_default_models
from fastback.features.server.page_config import build_page_config
from fastback.features.server.readiness import ReadinessChecks
from fastback.features.users import store as users
from fastback.frontend.changelog import Changelog
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, HttpError, JsonBytes, NotFound, Router
from fastback.kit.tasks import Tasks
from fastback.providers.registry import ModelRegistry
from fastback.settings import Settings

router = Router()


class PageConfigCache:
    """Encoded bodies of `/api/config` by role and default models, valid until the configuration changes."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self._settings = settings
        self._config = config
        self._bodies: dict[tuple[str | None, str | None], tuple[int, bytes]] = {}

    def get_body(self, role: str | None, default_models: str | None = None) -> bytes:
        """Return the body for a role and, if a group sets them, its default models."""
        cached = self._bodies.get((role, default_models))
        if cached is not None and cached[0] == self._config.version:
            return cached[1]
        version = self._config.version
        body = msgspec.json.encode(
            build_page_config(self._settings, self._config, role=role, onboarding=False, default_models=default_models)
        )
        if len(self._bodies) > 1000:
            self._bodies.clear()
        self._bodies[(role, default_models)] = (version, body)
        return body


@router.get("/api/config")
async def get_page_config(
    request: Request,
    identities: IdentityResolver,
    bodies: PageConfigCache,
    db: Database,
    settings: Settings,
    config: Config,
    permissions: Permissions,
    registry: ModelRegistry,
) -> JsonBytes | dict[str, Any]:
    """Return what the frontend needs to know, depending on who asks."""
    token = read_token(request)
    identity = identities.find_cached(token) if token else None
    if identity is None and token and not token.startswith("sk-"):
        identity = await identities.find(token, "/api/config")
    if identity is not None:
        user = identity.user
        default_models = None
        if user.role in ("admin", "user"):
            default_models = await find_group_default_models(user, permissions, db, registry)
        return JsonBytes(bodies.get_body(user.role, default_models))
    if not await users.has_users(db):
        return build_page_config(settings, config, role=None, onboarding=True)
    return JsonBytes(bodies.get_body(None))


@router.get("/api/version")
async def get_version(settings: Settings) -> dict[str, str]:
    """Return the version that the frontend compares with its own."""
    return {"version": REFERENCE_VERSION, "deployment_id": settings.deployment_id}


@router.get("/api/version/updates")
async def get_latest_version(user: VerifiedUser) -> dict[str, str]:
    """Return the current version as the latest: newer versions of Open WebUI are no updates of Fastback."""
    return {"current": REFERENCE_VERSION, "latest": REFERENCE_VERSION}


@router.get("/api/usage")
async def get_usage(
    user: VerifiedUser, active_models: ActiveModels, db: Database, settings: Settings
) -> dict[str, Any]:
    """Return the models in use and the number of active users."""
    if not settings.enable_public_active_users_count and not user.is_admin:
        raise Forbidden("Access denied. Only administrators can view usage statistics.")
    return {"model_ids": await active_models.list_models_in_use(), "user_count": await users.count_active_users(db)}


@router.get("/health")
async def get_health() -> dict[str, bool]:
    """Return that the process answers requests."""
    return {"status": True}


@router.get("/ready")
async def check_readiness(readiness: ReadinessChecks, tasks: Tasks) -> dict[str, bool]:
    """Return true if all dependencies respond, and the server does not stop."""
    if tasks.stopping.is_set() or tasks.is_handing_over:
        raise HttpError(503, "The server is stopping")
    await readiness.check_all()
    return {"status": True}


@router.get("/health/db")
async def check_database(readiness: ReadinessChecks) -> dict[str, bool]:
    """Return true if the database responds."""
    await readiness.check_database()
    return {"status": True}


@router.get("/manifest.json")
async def get_manifest(settings: Settings, client: aiohttp.ClientSession) -> Any:
    """Return the web app manifest."""
    if settings.external_pwa_manifest_url:
        return await documents.fetch_external_manifest(client, settings.external_pwa_manifest_url)
    return documents.build_manifest(settings.webui_name)


@router.get("/opensearch.xml")
async def get_opensearch_description(settings: Settings, config: Config) -> Response:
    """Return the OpenSearch description."""
    text = documents.build_opensearch_description(settings.webui_name, config.get_text(WEBUI_URL))
    return Response(text, media_type="application/xml")


@router.get("/api/changelog")
async def get_changelog(changelog: Changelog) -> JsonBytes:
    """Return the changelog of the frontend."""
    return JsonBytes(await changelog.get_content())


@router.get("/cache/")
async def reject_cache_root(user: VerifiedUser) -> Response:
    """Refuse the cache directory itself, which is not a file."""
    raise NotFound("File not found")


@router.get("/cache/{path:path}")
async def get_cached_file(path: str, user: VerifiedUser, settings: Settings) -> Response:
    """Return a file of the cache directory; types other than image, audio and video are sent as attachments."""
    root = Path(settings.cache_dir or settings.data_path / "cache").resolve()
    try:
        file_path = (root / path).resolve()
        is_file = file_path.is_relative_to(root) and file_path.is_file()
    except OSError:  # the name is too long
        is_file = False
    if not is_file:
        raise NotFound("File not found")
    content_type = mimetypes.guess_type(file_path.name)[0] or "application/octet-stream"
    is_inline = content_type.split("/", 1)[0] in ("image", "audio", "video")
    headers = {"x-content-type-options": "nosniff"}
    return FileResponse(file_path, headers=headers, filename=None if is_inline else file_path.name)
