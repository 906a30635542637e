"""Traces, metrics and logs for a collector of OpenTelemetry, whose packages are imported only where it is enabled."""

from fastback.kit.telemetry.exporters import Exporter

__all__ = ["Exporter"]
