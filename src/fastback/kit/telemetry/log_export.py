"""Lines of the log for a collector: without secrets, with the id of the request and the trace they belong to."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from fastback.kit import log as logs

#: What the exporters log themselves is not sent: it would go on for ever.
_OWN_LOGGERS = ("opentelemetry", "urllib3", "requests", "grpc")


class LogExport(logging.Handler):
    """Send records to a collector."""

    def __init__(self, *, exporter: Any, resource: Any) -> None:
        from opentelemetry._logs import LogRecord, SeverityNumber
        from opentelemetry.context import get_current
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        super().__init__()
        self._provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._record_type, self._get_context = LogRecord, get_current
        self._severities = {
            logging.DEBUG: SeverityNumber.DEBUG,
            logging.INFO: SeverityNumber.INFO,
            logging.WARNING: SeverityNumber.WARN,
            logging.ERROR: SeverityNumber.ERROR,
            logging.CRITICAL: SeverityNumber.FATAL,
        }

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _OWN_LOGGERS:
            return
        try:
            entry = self._record_type(
                timestamp=int(record.created * 1e9),
                observed_timestamp=time.time_ns(),
                context=self._get_context(),
                severity_text=record.levelname,
                severity_number=self._severities.get(record.levelno // 10 * 10),
                body=logs.format_message(record),
                attributes=self._build_attributes(record),
            )
            self._provider.get_logger(record.name).emit(entry)
        except Exception:
            self.handleError(record)

    def _build_attributes(self, record: logging.LogRecord) -> dict[str, str]:
        attributes = {}
        if request_id := logs.request_id.get():
            attributes["request_id"] = request_id
        if record.exc_info and record.exc_info[0] is not None:
            attributes["exception.type"] = record.exc_info[0].__name__
            attributes["exception.stacktrace"] = logs.format_traceback(logging.Formatter(), record)
        return attributes

    async def shut_down(self) -> None:
        """Send what is left, for a moment at most."""
        logging.getLogger().removeHandler(self)
        await asyncio.to_thread(self._provider.force_flush, 800)
        await asyncio.to_thread(self._provider.shutdown)
