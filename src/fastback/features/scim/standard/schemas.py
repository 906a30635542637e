"""The schemas of the resources and of the discovery endpoints, as `/Schemas` lists them."""

from __future__ import annotations

from functools import cache
from typing import Any

from scim2_models import ResourceType, Schema, ServiceProviderConfig

from fastback.features.scim.standard.resources import Group, User

#: By the name of the schema; the library takes them from docstrings, which the server may run without.
_DESCRIPTIONS = {"User": "User Account", "Group": "Group"}


@cache
def build_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its id."""
    models = (User, Group, ResourceType, ServiceProviderConfig, Schema)
    schemas = (model.to_schema() for model in models)
    contents = [schema.model_dump() for schema in schemas]
    return {
        content["id"]: {**content, "description": _DESCRIPTIONS.get(content["name"], content["name"])}
        for content in contents
    }
