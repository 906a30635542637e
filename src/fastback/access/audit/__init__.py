"""The audit log: who asked for which change, written where `AUDIT_LOG_LEVEL` switches it on."""

from fastback.access.audit.file import AuditLog
from fastback.access.audit.middleware import AuditMiddleware

__all__ = ["AuditLog", "AuditMiddleware"]
