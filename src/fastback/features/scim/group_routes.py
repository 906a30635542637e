"""`/Groups`: list, read, create, replace, patch and delete groups."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fastback.features.scim.authorization import ScimClient
from fastback.features.scim.errors import InvalidValue, respond_in_scim
from fastback.features.scim.group_listing import GroupListing
from fastback.features.scim.group_members import read_member_ids
from fastback.features.scim.group_patches import read_patch
from fastback.features.scim.group_service import GroupProvisioning
from fastback.features.scim.group_store import GroupRow
from fastback.features.scim.list_queries import ListQuery, build_list, read_list_query, read_selection
from fastback.features.scim.names import BASE_PATH
from fastback.features.scim.patch_operations import read_operations
from fastback.features.scim.request_values import compute, get_base_url
from fastback.features.scim.responses import encode_resources
from fastback.features.scim.selection import AttributeSelection
from fastback.kit.http import Router

router = Router(BASE_PATH, wrap=respond_in_scim)


@router.get("/Groups")
async def list_groups(client: ScimClient, request: Request, listing: GroupListing) -> Response:
    """List groups, by page and filter."""
    return await _respond_with_list(read_list_query(request.query_params), request, listing)


@router.post("/Groups/.search")
async def search_groups(client: ScimClient, request: Request, data: dict[str, Any], listing: GroupListing) -> Response:
    """List groups; page and filter are in the body."""
    return await _respond_with_list(read_list_query(data), request, listing)


async def _respond_with_list(query: ListQuery, request: Request, listing: GroupListing) -> Response:
    scim_filter = None
    if query.filter_text is not None:
        from fastback.features.scim.standard import filters, requests, resources

        scim_filter = filters.bind_filter(await requests.read_filter(query.filter_text, resources.Group), "Group")
    page = await listing.list_groups(query, scim_filter, get_base_url(request))
    content = build_list(page.groups, total=page.total, start_index=query.start_index)
    return await encode_resources(content, size=page.member_count)


@router.get("/Groups/{group_id}")
async def get_group(
    group_id: str, client: ScimClient, request: Request, groups: GroupProvisioning, listing: GroupListing
) -> Response:
    selection = read_selection(request.query_params)
    return await _respond_with_group(await groups.get_group(group_id), request, listing, selection)


@router.post("/Groups")
async def create_group(
    client: ScimClient, request: Request, data: dict[str, Any], groups: GroupProvisioning, listing: GroupListing
) -> Response:
    selection = read_selection(request.query_params)
    name, external_id, member_ids = await compute(request, _read_group, data)
    if name is None:
        raise InvalidValue("displayName is required")
    row = await groups.create_group(name, external_id, member_ids or [])
    return await _respond_with_group(row, request, listing, selection, status=201)


@router.put("/Groups/{group_id}")
async def replace_group(
    group_id: str,
    client: ScimClient,
    request: Request,
    data: dict[str, Any],
    groups: GroupProvisioning,
    listing: GroupListing,
) -> Response:
    selection = read_selection(request.query_params)
    name, external_id, member_ids = await compute(request, _read_group, data)
    row = await groups.replace_group(group_id, name, external_id, member_ids)
    return await _respond_with_group(row, request, listing, selection)


@router.patch("/Groups/{group_id}")
async def patch_group(
    group_id: str,
    client: ScimClient,
    request: Request,
    data: dict[str, Any],
    groups: GroupProvisioning,
    listing: GroupListing,
) -> Response:
    selection = read_selection(request.query_params)
    await groups.get_group(group_id)
    operations = await compute(request, read_operations, data, group_id)
    patch = await compute(request, read_patch, operations)
    row = await groups.patch_group(group_id, patch, len(operations))
    return await _respond_with_group(row, request, listing, selection)


@router.delete("/Groups/{group_id}")
async def delete_group(group_id: str, client: ScimClient, groups: GroupProvisioning) -> Response:
    """Delete a group; its child groups become children of its parent."""
    await groups.delete_group(group_id)
    return Response(status_code=204)


def _read_group(data: dict[str, Any]) -> tuple[str | None, str | None, list[str] | None]:
    """Return the name, the external id and the ids of the members in a request; None where they are missing."""
    fields = {name.lower(): value for name, value in data.items()}
    name, external_id, members = fields.get("displayname"), fields.get("externalid"), fields.get("members")
    for attribute, value in (("displayName", name), ("externalId", external_id)):
        if value is not None and not isinstance(value, str):
            raise InvalidValue(f"{attribute} must be a string")
    if name is not None and not name.strip():
        name = None
    return name, external_id or None, None if members is None else read_member_ids(members)


async def _respond_with_group(
    row: GroupRow, request: Request, listing: GroupListing, selection: AttributeSelection, *, status: int = 200
) -> Response:
    base_url = get_base_url(request)
    page = await listing.build_groups([row], base_url, selection)
    location = f"{base_url}/Groups/{row.id}" if status == 201 else None
    return await encode_resources(page.groups[0], size=page.member_count, status=status, location=location)
