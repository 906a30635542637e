"""The audit log: requests that may change data, with their users; written where `AUDIT_LOG_LEVEL` enables it."""

from fastback.access.audit.entry import AuditEntry
from fastback.access.audit.file import AuditLog
from fastback.access.audit.middleware import AuditMiddleware

__all__ = ["AuditEntry", "AuditLog", "AuditMiddleware"]
