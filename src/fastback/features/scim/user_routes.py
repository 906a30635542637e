"""`/Users`: list, read, create, replace, patch and delete users."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fastback.features.scim.authorization import ScimClient
from fastback.features.scim.errors import respond_in_scim
from fastback.features.scim.list_queries import ListQuery, build_list, read_list_query, read_selection
from fastback.features.scim.names import BASE_PATH
from fastback.features.scim.patch_operations import read_operations
from fastback.features.scim.request_values import compute, get_base_url
from fastback.features.scim.responses import ScimResponse, encode_resources
from fastback.features.scim.selection import AttributeSelection
from fastback.features.scim.user_listing import UserListing
from fastback.features.scim.user_service import UserService
from fastback.features.scim.user_store import UserRow
from fastback.kit.http import Router

router = Router(BASE_PATH, wrap=respond_in_scim)


@router.get("/Users")
async def list_users(client: ScimClient, request: Request, listing: UserListing) -> Response:
    """List provisioned users, by page and filter."""
    return await _respond_with_list(read_list_query(request.query_params), request, listing)


@router.post("/Users/.search")
async def search_users(client: ScimClient, request: Request, data: dict[str, Any], listing: UserListing) -> Response:
    """List provisioned users; page and filter are in the body."""
    return await _respond_with_list(read_list_query(data), request, listing)


async def _respond_with_list(query: ListQuery, request: Request, listing: UserListing) -> Response:
    scim_filter = None
    if query.filter_text is not None:
        from fastback.features.scim.standard import filters, requests, resources

        scim_filter = filters.bind_filter(await requests.read_filter(query.filter_text, resources.User), "User")
    resources_page, total = await listing.list_users(query, scim_filter, get_base_url(request))
    return ScimResponse(build_list(resources_page, total=total, start_index=query.start_index))


@router.get("/Users/{user_id}")
async def get_user(
    user_id: str, client: ScimClient, request: Request, users: UserService, listing: UserListing
) -> Response:
    selection = read_selection(request.query_params)
    return await _respond_with_user(await users.get_user(user_id), request, listing, selection)


@router.post("/Users")
async def create_user(
    client: ScimClient, request: Request, data: dict[str, Any], users: UserService, listing: UserListing
) -> Response:
    from fastback.features.scim.standard.users import read_new_profile

    selection = read_selection(request.query_params)
    row = await users.create_user(await compute(request, read_new_profile, data))
    return await _respond_with_user(row, request, listing, selection, status=201)


@router.put("/Users/{user_id}")
async def replace_user(
    user_id: str,
    client: ScimClient,
    request: Request,
    data: dict[str, Any],
    users: UserService,
    listing: UserListing,
) -> Response:
    from fastback.features.scim.standard.requests import read_resource
    from fastback.features.scim.standard.resources import User

    selection = read_selection(request.query_params)
    user = await compute(request, read_resource, User, data)
    return await _respond_with_user(await users.replace_user(user_id, user), request, listing, selection)


@router.patch("/Users/{user_id}")
async def patch_user(
    user_id: str,
    client: ScimClient,
    request: Request,
    data: dict[str, Any],
    users: UserService,
    listing: UserListing,
) -> Response:
    selection = read_selection(request.query_params)
    await users.get_user(user_id)
    operations = await compute(request, read_operations, data, user_id)
    return await _respond_with_user(await users.patch_user(user_id, operations), request, listing, selection)


@router.delete("/Users/{user_id}")
async def delete_user(user_id: str, client: ScimClient, users: UserService) -> Response:
    """Delete a user with all of their records; administrators stay."""
    await users.delete_user(user_id)
    return Response(status_code=204)


async def _respond_with_user(
    row: UserRow, request: Request, listing: UserListing, selection: AttributeSelection, *, status: int = 200
) -> Response:
    base_url = get_base_url(request)
    (user,) = await listing.build_users([row], base_url, selection)
    location = f"{base_url}/Users/{row.id}" if status == 201 else None
    return await encode_resources(user, size=1, status=status, location=location)
