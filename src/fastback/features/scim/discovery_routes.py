"""What the interface offers: `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas`, which need no token.

The end of this module answers whatever the interface does not have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fastback.features.scim.errors import ScimError, respond_in_scim
from fastback.features.scim.library import load_library
from fastback.features.scim.list_queries import build_list
from fastback.features.scim.names import (
    BASE_PATH,
    GROUP_SCHEMA,
    PROVIDER_CONFIG_SCHEMA,
    RESOURCE_TYPE_SCHEMA,
    USER_SCHEMA,
)
from fastback.features.scim.request_values import get_base_url
from fastback.features.scim.responses import ScimResponse
from fastback.kit.http import Router

router = Router(BASE_PATH, wrap=respond_in_scim)

#: Resource types by name, with the address of their schema.
_RESOURCE_TYPES = {"User": USER_SCHEMA, "Group": GROUP_SCHEMA}
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
#: The methods of each path below the base.
_PATHS = {
    "/ServiceProviderConfig": {"GET"},
    "/ResourceTypes": {"GET"},
    "/ResourceTypes/{id}": {"GET"},
    "/Schemas": {"GET"},
    "/Schemas/{id}": {"GET"},
    "/Users": {"GET", "POST"},
    "/Users/.search": {"POST"},
    "/Users/{user_id}": {"GET", "PUT", "PATCH", "DELETE"},
    "/Groups": {"GET", "POST"},
    "/Groups/.search": {"POST"},
    "/Groups/{group_id}": {"GET", "PUT", "PATCH", "DELETE"},
    "/.search": {"POST"},
}
#: What the standard describes, and this interface does not have.
_NOT_BUILT = ("/Bulk", "/Me")


@router.get("/ServiceProviderConfig")
async def get_provider_config(request: Request) -> Response:
    """Describe what of the standard is supported."""
    _refuse_filter(request)
    content = {
        "schemas": [PROVIDER_CONFIG_SCHEMA],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 1000, "maxPayloadSize": 1048576},
        "filter": {"supported": True, "maxResults": 200},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "Authentication using OAuth 2.0 Bearer Token",
            }
        ],
    }
    return ScimResponse(content)


@router.get("/ResourceTypes")
async def list_resource_types(request: Request) -> Response:
    _refuse_filter(request)
    base_url = get_base_url(request)
    types = [_build_resource_type(name, base_url) for name in _RESOURCE_TYPES]
    return ScimResponse(build_list(types, total=len(types)))


@router.get("/ResourceTypes/{id}")
async def get_resource_type(id: str, request: Request) -> Response:
    if id not in _RESOURCE_TYPES:
        raise ScimError(404, f"ResourceType {id} not found")
    return ScimResponse(_build_resource_type(id, get_base_url(request)))


def _build_resource_type(name: str, base_url: str) -> dict[str, Any]:
    return {
        "schemas": [RESOURCE_TYPE_SCHEMA],
        "id": name,
        "name": name,
        "endpoint": f"/{name}s",
        "schema": _RESOURCE_TYPES[name],
        "meta": {"location": f"{base_url}/ResourceTypes/{name}", "resourceType": "ResourceType"},
    }


@router.get("/Schemas")
async def list_schemas(request: Request) -> Response:
    """List the schemas of users, groups and of what describes them."""
    _refuse_filter(request)
    schemas = list((await _build_schemas(request)).values())
    return ScimResponse(build_list(schemas, total=len(schemas)))


@router.get("/Schemas/{id}")
async def get_schema(id: str, request: Request) -> Response:
    schemas = await _build_schemas(request)
    schema = next((schema for name, schema in schemas.items() if name.lower() == id.lower()), None)
    if schema is None:
        raise ScimError(404, f"Schema {id} not found")
    return ScimResponse(schema)


async def _build_schemas(request: Request) -> dict[str, dict[str, Any]]:
    await load_library()
    from fastback.features.scim.standard.schemas import build_schemas

    base_url = get_base_url(request)
    return {
        name: {**schema, "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{name}"}}
        for name, schema in build_schemas().items()
    }


def _refuse_filter(request: Request) -> None:
    if "filter" in request.query_params:
        raise ScimError(403, "Filters are not supported here")


def _make_method_refusal(methods: set[str]) -> Callable[[], Awaitable[None]]:
    async def refuse_method() -> None:
        """Respond with 405: the path has other methods."""
        raise ScimError(405, "Method Not Allowed", headers={"Allow": ", ".join(sorted(methods))})

    return refuse_method


async def refuse_operation() -> None:
    """Respond with 501: the standard has this operation, this interface does not."""
    raise ScimError(501, "This operation is not supported")


async def refuse_path() -> None:
    """Respond with 404: there is nothing at this path."""
    raise ScimError(404, "Not Found")


def _add_refusals() -> None:
    for path, methods in _PATHS.items():
        for method in sorted(_METHODS - methods):
            router.route(method, path)(_make_method_refusal(methods))
    for method in sorted(_METHODS):
        router.route(method, *_NOT_BUILT)(refuse_operation)
        router.route(method, "/{path:path}")(refuse_path)


_add_refusals()
