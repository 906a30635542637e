"""Routes that export and import skills."""

from __future__ import annotations

import asyncio
import json
import zipfile
from typing import Any

import msgspec
from starlette.datastructures import FormData, UploadFile
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
from fastback.features.skills.store import Skill
from fastback.kit.http import BadRequest, Forbidden, FormField, HttpError, Invalid, Router
from fastback.kit.http.multipart import parse_form
from fastback.kit.http.url_validation import validate_http_url
from fastback.kit.json_decoding import decode_json
from fastback.kit.web_guard import WebGuard
from fastback.records.access import RecordAccess
from fastback.records.listing import RecordCatalog
from fastback.settings import Settings

router = Router("/api/v1/skills")

JsonObject = dict[str, Any]

_IMPORT_ERRORS = (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)
_TOO_LARGE = "Import exceeds 200 MiB"
#: Bytes of a form that is received from a user without the permission.
_LARGEST_UNPERMITTED = 64 * 1024


# -- export -------------------------------------------------------------------------------------------------------


async def _select_skills(
    user: User, access: RecordAccess, catalog: RecordCatalog, ids: list[str] | None
) -> list[Skill]:
    """Return the skills with these ids, or all that the user may read."""
    if ids is not None:
        return [await service.get_skill_for_content(access, skill_id, user) for skill_id in ids]
    return await store.list_readable_skills(catalog, user)


@router.get("/export")
async def export_skills(
    user: VerifiedUser,
    access: RecordAccess,
    catalog: RecordCatalog,
    format: str = "json",
    ids: list[str] | None = None,
    version_id: str | None = None,
) -> Response | JsonObject | list[JsonObject]:
    """Return skills as JSON or as an archive; a single skill may be exported in an older revision."""
    if not await access.has_any_permission(user, "workspace.skills_export"):
        raise Forbidden("Export permission required")
    is_single = ids is not None and len(ids) == 1
    if version_id and not is_single:
        raise BadRequest("Select one skill to export a historical version")
    if format == "skill" and not is_single:
        raise BadRequest("Select one skill to export as .skill")
    rows = await _select_skills(user, access, catalog, ids)
    contents = [await service.load_contents(access, row, version_id) for row in rows]
    if format in ("zip", "skill"):
        archive_contents = [(row.id, content["files"]) for row, content in zip(rows, contents, strict=True)]
        try:
            archive = await asyncio.to_thread(packages.build_archive, archive_contents)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        name = f"{rows[0].id}.skill" if format == "skill" else "skills.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(archive, media_type="application/zip", headers=headers)
    if format != "json":
        raise BadRequest("Export format must be json, zip, or skill")
    exported: list[JsonObject] = [
        {
            "id": row.id,
            **{name: content.get(name) for name in ("name", "description", "meta")},
            "files": content["files"],
            "is_active": row.is_active,
        }
        for row, content in zip(rows, contents, strict=True)
    ]
    return exported[0] if is_single else exported


# -- import -------------------------------------------------------------------------------------------------------


async def _read_permitted_form(request: Request, user: User, access: RecordAccess, *required: str) -> FormData:
    """Return the form of an import.

    A user without the permission reads what a small form lacks, as in Open WebUI; a larger one is not even received.

    Raises:
        Forbidden: the user may not import skills. Invalid, BadRequest: as `_read_form`.
    """
    is_permitted = await access.has_any_permission(user, "workspace.skills_import")
    length = request.headers.get("content-length")
    if is_permitted or (length is not None and int(length) <= _LARGEST_UNPERMITTED):
        form = await _read_form(request, *required)
        if is_permitted:
            return form
        await form.close()
    raise Forbidden("Import permission required")


async def _read_form(request: Request, *required: str) -> FormData:
    """Return the form of an import.

    Raises:
        Invalid: a field is missing.
        BadRequest: the body is too large, or not a form.
    """
    limit = LARGEST_IMPORT + 1024**2
    if int(request.headers.get("content-length") or 0) > limit:
        raise BadRequest(_TOO_LARGE)
    form = await parse_form(request, limit=limit, refusal=_TOO_LARGE)
    missing = [
        {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}
        for name in required
        if name not in form
    ]
    if missing:
        raise Invalid(missing)
    return form


async def _read_packages(form: FormData) -> list[Package]:
    """Return the skills in the uploaded files, and close the files.

    Raises:
        BadRequest: a file is invalid, or they are too large.
    """
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
        return await asyncio.to_thread(_parse_uploads, contents)
    except _IMPORT_ERRORS as error:
        raise BadRequest(str(error)) from None


def _parse_uploads(contents: list[tuple[str, bytes]]) -> list[Package]:
    """Return the skills in uploaded files.

    A name with a path belongs to an uploaded folder; any other file is parsed by itself.
    """
    parsed: list[Package] = []
    folder_files: list[SkillFile] = []
    for name, content in contents:
        if "/" in name:
            folder_files.append(skill_files.build_file(skill_files.require_valid_path(name), content))
        else:
            parsed += packages.parse_packages(content, name)
    if folder_files:
        roots = packages.find_roots([file.path for file in folder_files])
        if not roots:
            raise ValueError("Select a folder containing one or more non-nested skills")
        if any(not file.path.startswith(tuple(roots)) for file in folder_files):
            raise ValueError("Files outside skill directories")
        parsed += packages.build_packages_by_folder(folder_files, roots)
    if sum(skill_files.get_size(file) for package in parsed for file in package.files) > LARGEST_IMPORT:
        raise ValueError(f"{_TOO_LARGE} decoded")
    return parsed


def _describe_package(package: Package) -> JsonObject:
    """Return a package without its files."""
    description: JsonObject = {name: getattr(package, name) for name in ("id", "name", "description", "meta")}
    return description if package.is_active is msgspec.UNSET else {**description, "is_active": package.is_active}


@router.post("/load/url")
async def load_from_url(data: UrlForm, user: AdminUser, guard: WebGuard, settings: Settings) -> list[JsonObject]:
    """Return the skills at a URL, for the editor."""
    try:
        loaded = await fetching.download_packages(guard, settings, validate_http_url(data.url))
    except _IMPORT_ERRORS as error:
        raise BadRequest(str(error)) from None
    return [{**_describe_package(package), "files": package.files} for package in loaded]


@router.post("/import/preview", form=(FormField("files", "files"),))
async def preview_import(request: Request, user: VerifiedUser, access: RecordAccess) -> list[JsonObject]:
    """Return the skills in the uploaded files, and whether their ids and names are taken; write nothing."""
    form = await _read_permitted_form(request, user, access, "files")
    uploaded = await _read_packages(form)
    previews = []
    for index, package in enumerate(uploaded):
        existing = await store.find_skill(access.db, package.id)
        may_replace = existing is not None and await access.is_allowed(user, KIND, existing, "write")
        previews.append(
            {
                "index": index,
                **_describe_package(package),
                "files": skill_files.summarize_files(package.files),
                "id_taken": existing is not None,
                "name_taken": await store.find_id_by_name(access.db, package.name) is not None,
                "can_replace": may_replace,
                "expected_version_id": existing.version_id if existing is not None and may_replace else None,
            }
        )
    return previews


def _parse_decisions(text: Any, count: int) -> list[JsonObject]:
    """Return the decision about each skill.

    Raises:
        BadRequest: it is not a JSON list with one object for each skill.
    """
    try:
        decisions = decode_json(text, json.loads)
    except (ValueError, TypeError) as error:
        raise BadRequest(str(error)) from None
    if (
        not isinstance(decisions, list)
        or len(decisions) != count
        or not all(isinstance(decision, dict) for decision in decisions)
    ):
        raise BadRequest("One decision is required per skill")
    return decisions


@router.post("/import", form=(FormField("files", "files"), FormField("decisions", "text")))
async def import_skills(request: Request, user: VerifiedUser, access: RecordAccess) -> list[JsonObject]:
    """Import the uploaded skills as decided; return the result for each."""
    form = await _read_permitted_form(request, user, access, "files", "decisions")
    uploaded = await _read_packages(form)
    decisions = _parse_decisions(form.get("decisions"), len(uploaded))
    results: list[JsonObject] = []
    for package, decision in zip(uploaded, decisions, strict=True):
        if decision.get("action", "skip") == "skip":
            results.append({"status": "skipped", "id": package.id})
            continue
        try:
            results.append({"status": "saved", "id": await _import_package(package, decision, user, access)})
        except HttpError as error:
            results.append({"status": "error", "id": package.id, "error": error.detail})
        except ValueError as error:
            results.append({"status": "error", "id": package.id, "error": str(error)})
    return results


async def _import_package(package: Package, decision: JsonObject, user: User, access: RecordAccess) -> str:
    """Import one skill as decided, and return its id.

    Raises:
        HttpError, ValueError: the import of this skill failed.
    """
    decided_names: JsonObject = {name: decision[name] for name in ("id", "name") if name in decision}
    form = msgspec.convert({**_describe_package(package), **decided_names}, SkillForm)
    form.files = package.files
    action = decision["action"]
    if action in ("create", "copy"):
        form.access_grants = []
        return await service.create_skill(access, user, form)
    if action != "replace":
        raise BadRequest("Unknown import action")
    row = await service.get_skill_for_content(access, form.id, user, "write")
    if not decision.get("expected_version_id"):
        raise BadRequest("Replacement requires expected_version_id")
    form.expected_version_id = str(decision["expected_version_id"])
    await service.update_skill(access, user, row, form)
    return row.id
