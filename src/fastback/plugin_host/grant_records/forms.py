"""Grants of access as models."""

from __future__ import annotations

from fastback.plugin_host.record_models import Record


class AccessGrantModel(Record):
    id: str
    resource_type: str
    resource_id: str
    principal_type: str
    principal_id: str
    permission: str
    created_at: int


class AccessGrantResponse(Record):
    id: str
    principal_type: str
    principal_id: str
    permission: str
