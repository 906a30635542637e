"""Security events of second factors: a log line, an entry of the audit log, and an activity event for webhooks."""

from __future__ import annotations

import logging

from fastback.access.activity import ActivityEvent
from fastback.access.audit import AuditEntry, AuditLog
from fastback.kit.bus import Bus

log = logging.getLogger("fastback.second_factors")

_PATH = "/api/v1/auths/mfa"


class SecurityLog:
    """Records security events, without codes, secrets and tokens."""

    def __init__(self, bus: Bus, audit: AuditLog | None) -> None:
        self._bus = bus
        self._audit = audit

    async def record(
        self, event: str, user_id: str | None, *, client: str | None = None, reason: str | None = None
    ) -> None:
        """Record an event (`auth.mfa.…`) of a user.

        `client` is the address of the client, `reason` the operator's.
        """
        data = {"event": event, "reason": reason} if reason else {"event": event}
        log.info("security event %s of user %s%s", event, user_id, f": {reason}" if reason else "")
        if self._audit is not None:
            self._audit.write(
                AuditEntry(
                    user={"id": user_id} if user_id else {},
                    audit_level="METADATA",
                    verb="MFA",
                    request_uri=_PATH,
                    source_ip=client,
                    extra=data,
                )
            )
        await self._bus.publish(ActivityEvent(event, None, user_id, "user", data))
