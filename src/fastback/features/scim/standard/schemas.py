"""The schemas of the resources and of the discovery endpoints, as `/Schemas` lists them."""

from __future__ import annotations

from functools import cache
from typing import Any

from scim2_models import ResourceType, Schema, ServiceProviderConfig

from fastback.features.scim.standard.resources import Group, User


@cache
def build_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its id."""
    models = (User, Group, ResourceType, ServiceProviderConfig, Schema)
    schemas = (model.to_schema() for model in models)
    return {str(schema.id): schema.model_dump() for schema in schemas}
