"""Exporters to a collector, over gRPC or HTTP."""

from __future__ import annotations

from base64 import b64encode
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

Signal = Literal["traces", "metrics", "logs"]

#: The module of each signal's exporter below that of its protocol, and its class.
_CLASSES = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}


class Exporter(msgspec.Struct, frozen=True):
    """Where one signal goes.

    Attributes:
        protocol: `grpc` or `http`.
        is_insecure: over gRPC without TLS.
        username, password: sent where both are set.
    """

    endpoint: str
    protocol: str
    is_insecure: bool
    username: str
    password: str

    def create(self, signal: Signal) -> Any:
        """Return the exporter of a signal.

        Raises:
            ImportError: the packages are not installed.
        """
        module_name, class_name = _CLASSES[signal]
        module = import_module(f"opentelemetry.exporter.otlp.proto.{self.protocol}.{module_name}")
        headers = {}
        if self.username and self.password:
            credentials = b64encode(f"{self.username}:{self.password}".encode()).decode()
            headers["authorization"] = f"Basic {credentials}"
        if self.protocol == "http":
            return getattr(module, class_name)(endpoint=self._build_url(signal), headers=headers)
        is_insecure = self.is_insecure or self.endpoint.startswith("http://")
        return getattr(module, class_name)(endpoint=self.endpoint, insecure=is_insecure, headers=list(headers.items()))

    def _build_url(self, signal: Signal) -> str:
        has_path = urlsplit(self.endpoint).path.strip("/")
        return self.endpoint if has_path else f"{self.endpoint.rstrip('/')}/v1/{signal}"
