"""`/.search`: users and groups in one list, the users first."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fastback.features.scim.authorization import ScimClient
from fastback.features.scim.errors import respond_in_scim
from fastback.features.scim.group_listing import GroupListing
from fastback.features.scim.list_queries import build_list, read_list_query
from fastback.features.scim.names import BASE_PATH
from fastback.features.scim.request_values import get_base_url
from fastback.features.scim.responses import encode_resources
from fastback.features.scim.user_listing import UserListing
from fastback.kit.http import Router

router = Router(BASE_PATH, wrap=respond_in_scim)


@router.post("/.search")
async def search_resources(
    client: ScimClient, request: Request, data: dict[str, Any], users: UserListing, groups: GroupListing
) -> Response:
    """List users and groups that match a filter; an attribute of one type has no value in resources of the other."""
    query = read_list_query(data)
    user_filter = group_filter = None
    if query.filter_text is not None:
        from fastback.features.scim.standard import filters, requests, resources

        scim_filter = await requests.read_filter(query.filter_text, resources.User, resources.Group)
        user_filter = filters.bind_filter(scim_filter, "User")
        group_filter = filters.bind_filter(scim_filter, "Group")
    base_url = get_base_url(request)
    found_users, user_total = await users.list_users(query, user_filter, base_url)
    group_query = msgspec.structs.replace(
        query,
        start_index=max(query.start_index - user_total, 1),
        count=query.count - len(found_users),
    )
    page = await groups.list_groups(group_query, group_filter, base_url)
    content = build_list([*found_users, *page.groups], total=user_total + page.total, start_index=query.start_index)
    return await encode_resources(content, size=page.member_count)
