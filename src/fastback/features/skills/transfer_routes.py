"""`/api/v1/skills`: carrying skills elsewhere and bringing them in."""

from __future__ import annotations

import asyncio
import json
import zipfile
from typing import Any

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.plugins.schemas import UrlForm
from fastback.features.skills import fetching, packages, service, store
from fastback.features.skills import files as skill_files
from fastback.features.skills.packages import LARGEST_IMPORT, Package
from fastback.features.skills.schemas import SkillFile, SkillForm
from fastback.features.skills.service import KIND
from fastback.features.skills.store import COLUMNS, Skill
from fastback.kit.http import BadRequest, Forbidden, HttpError, Invalid, Router
from fastback.kit.http.url_validation import validate_http_url
from fastback.kit.web_guard import WebGuard
from fastback.records.access import RecordAccess
from fastback.records.listing import RecordCatalog
from fastback.settings import Settings

router = Router("/api/v1/skills")

Answer = dict[str, Any]

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)
_TOO_LARGE = "Import exceeds 200 MiB"


# -- out ----------------------------------------------------------------------------------------------------------


async def _chosen(user: User, owned: RecordAccess, catalog: RecordCatalog, ids: list[str] | None) -> list[Skill]:
    if ids is not None:
        return [await service.opened(owned, one, user) for one in ids]
    rows, _ = await catalog.list_rows(Skill, user, resource=KIND, columns=COLUMNS, table="skill")
    return rows


@router.get("/export")
async def export(
    user: VerifiedUser,
    owned: RecordAccess,
    catalog: RecordCatalog,
    format: str = "json",
    ids: list[str] | None = None,
    version_id: str | None = None,
) -> Response | Answer | list[Answer]:
    if not await owned.has_any_permission(user, "workspace.skills_export"):
        raise Forbidden("Export permission required")
    one_alone = ids is not None and len(ids) == 1
    if version_id and not one_alone:
        raise BadRequest("Select one skill to export a historical version")
    if format == "skill" and not one_alone:
        raise BadRequest("Select one skill to export as .skill")
    rows = await _chosen(user, owned, catalog, ids)
    held = [await service.held(owned, row, version_id) for row in rows]
    if format in ("zip", "skill"):
        made = [(row.id, kept["files"]) for row, kept in zip(rows, held, strict=True)]
        try:
            archive = await asyncio.to_thread(packages.archived, made)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        name = f"{rows[0].id}.skill" if format == "skill" else "skills.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(archive, media_type="application/zip", headers=headers)
    if format != "json":
        raise BadRequest("Export format must be json, zip, or skill")
    found: list[Answer] = [
        {
            "id": row.id,
            **{name: kept.get(name) for name in ("name", "description", "meta")},
            "files": kept["files"],
            "is_active": row.is_active,
        }
        for row, kept in zip(rows, held, strict=True)
    ]
    return found[0] if one_alone else found


# -- in -----------------------------------------------------------------------------------------------------------


async def _may_import(user: User, owned: RecordAccess) -> None:
    if not await owned.has_any_permission(user, "workspace.skills_import"):
        raise Forbidden("Import permission required")


async def _form(request: Request, *needed: str) -> FormData:
    """The form of an import.

    Raises:
        Invalid: a field is missing; BadRequest: it is larger than any import, or no form.
    """
    if int(request.headers.get("content-length") or 0) > LARGEST_IMPORT + 1024**2:
        raise BadRequest(_TOO_LARGE)
    try:
        form = await request.form()
    except HTTPException as error:
        raise BadRequest(error.detail) from None
    missing = [
        {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}
        for name in needed
        if name not in form
    ]
    if missing:
        raise Invalid(missing)
    return form


async def _packages(form: FormData) -> list[Package]:
    """The skills in the uploaded files, which are let go of. Raises: BadRequest."""
    contents: list[tuple[str, bytes]] = []
    total = 0
    try:
        for upload in form.getlist("files"):
            if isinstance(upload, UploadFile):
                content = await upload.read(LARGEST_IMPORT - total + 1)
                total += len(content)
                if total > LARGEST_IMPORT:
                    raise BadRequest(_TOO_LARGE)
                contents.append((upload.filename or "", content))
    finally:
        await form.close()
    try:
        return await asyncio.to_thread(_read, contents)
    except _UNREADABLE as error:
        raise BadRequest(str(error)) from None


def _read(contents: list[tuple[str, bytes]]) -> list[Package]:
    """Single files are what their names say; those with a path are the files of an uploaded folder."""
    found: list[Package] = []
    below: list[SkillFile] = []
    for name, content in contents:
        if "/" in name:
            below.append(skill_files.file_of(skill_files.checked_path(name), content))
        else:
            found += packages.parsed(content, name)
    if below:
        roots = packages.roots_of([file.path for file in below])
        if not roots:
            raise ValueError("Select a folder containing one or more non-nested skills")
        if any(not file.path.startswith(tuple(roots)) for file in below):
            raise ValueError("Files outside skill directories")
        found += packages.in_folders(below, roots)
    if sum(skill_files.size_of(file) for package in found for file in package.files) > LARGEST_IMPORT:
        raise ValueError(f"{_TOO_LARGE} decoded")
    return found


def _told(package: Package) -> Answer:
    """A package without its files."""
    told: Answer = {name: getattr(package, name) for name in ("id", "name", "description", "meta")}
    return told if package.is_active is msgspec.UNSET else {**told, "is_active": package.is_active}


@router.post("/load/url")
async def load(data: UrlForm, user: AdminUser, guard: WebGuard, settings: Settings) -> list[Answer]:
    try:
        found = await fetching.fetched(guard, settings, validate_http_url(data.url))
    except _UNREADABLE as error:
        raise BadRequest(str(error)) from None
    return [{**_told(one), "files": one.files} for one in found]


@router.post("/import/preview")
async def preview(request: Request, user: VerifiedUser, owned: RecordAccess) -> list[Answer]:
    form = await _form(request, "files")
    await _may_import(user, owned)
    found = await _packages(form)
    answer = []
    for index, package in enumerate(found):
        existing = await store.get(owned.db, package.id)
        may_replace = existing is not None and await owned.is_allowed(user, KIND, existing, "write")
        answer.append(
            {
                "index": index,
                **_told(package),
                "files": skill_files.summaries(package.files),
                "id_taken": existing is not None,
                "name_taken": await store.holder(owned.db, package.name) is not None,
                "can_replace": may_replace,
                "expected_version_id": existing.version_id if existing is not None and may_replace else None,
            }
        )
    return answer


def _decisions(text: Any, count: int) -> list[Answer]:
    """What is to happen to each skill. Raises: BadRequest."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError) as error:
        raise BadRequest(str(error)) from None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(one, dict) for one in found):
        raise BadRequest("One decision is required per skill")
    return found


@router.post("/import")
async def take_in(request: Request, user: VerifiedUser, owned: RecordAccess) -> list[Answer]:
    form = await _form(request, "files", "decisions")
    await _may_import(user, owned)
    found = await _packages(form)
    decisions = _decisions(form.get("decisions"), len(found))
    answer: list[Answer] = []
    for package, decision in zip(found, decisions, strict=True):
        if decision.get("action", "skip") == "skip":
            answer.append({"status": "skipped", "id": package.id})
            continue
        try:
            answer.append({"status": "saved", "id": await _taken(package, decision, user, owned)})
        except HttpError as error:
            answer.append({"status": "error", "id": package.id, "error": error.detail})
        except ValueError as error:
            answer.append({"status": "error", "id": package.id, "error": str(error)})
    return answer


async def _taken(package: Package, decision: Answer, user: User, owned: RecordAccess) -> str:
    """Write one skill as decided; its id. Raises: HttpError, ValueError."""
    named: Answer = {name: decision[name] for name in ("id", "name") if name in decision}
    form = msgspec.convert({**_told(package), **named}, SkillForm)
    form.files = package.files
    action = decision["action"]
    if action in ("create", "copy"):
        form.access_grants = []
        return await service.create(owned, user, form)
    if action != "replace":
        raise BadRequest("Unknown import action")
    row = await service.opened(owned, form.id, user, "write")
    if not decision.get("expected_version_id"):
        raise BadRequest("Replacement requires expected_version_id")
    form.expected_version_id = str(decision["expected_version_id"])
    await service.change(owned, user, row, form)
    return row.id
