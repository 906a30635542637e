"""What people and the server do, told under the names that event webhooks and notifications know it by."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User


class Happened(msgspec.Struct, frozen=True):
    """Something happened: `event` is a name of the contract (`feedback.created`), its subject `subject_id`.

    `subject_type` is the event's first word unless it says otherwise; `data` holds what JSON can hold.
    """

    event: str
    actor: User | None = None
    subject_id: str | None = None
    subject_type: str | None = None
    data: dict[str, Any] = {}
    message: str | None = None
    source: str = "api"
