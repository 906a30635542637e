"""An entry of the audit log, with the fields of the reference's."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, kw_only=True):
    """A request, or an event that no single request shows.

    Attributes:
        user: id, name, email address and role; empty without a user.
        verb: the method of the request, or the kind of the event.
        request_object: the beginning of the body of the request; `response_object` is that of the response.
    """

    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))
    user: dict[str, str]
    audit_level: str
    verb: str
    request_uri: str
    response_status_code: int | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    model_id: str | None = None
    usage: dict[str, Any] | None = None
    request_object: str = ""
    response_object: str = ""
    extra: dict[str, Any] = {}
