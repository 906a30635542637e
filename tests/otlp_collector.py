"""A collector of OpenTelemetry over real sockets, by HTTP and gRPC; the messages are those of its own packages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from stub_server import serve_handler


class Collector:
    """What was received: requests by signal, and the value of `authorization` of each request."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: dict[str, list[Any]] = {"traces": [], "metrics": [], "logs": []}
        self.credentials: set[str] = set()

    def list_spans(self) -> list[Any]:
        return [
            span
            for request in self.requests["traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def list_metrics(self) -> list[Any]:
        return [
            metric
            for request in self.requests["metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def read_gauge(self, name: str) -> int | None:
        """Return the last value of a gauge."""
        values = [metric.gauge.data_points[0].as_int for metric in self.list_metrics() if metric.name == name]
        return values[-1] if values else None

    def list_log_records(self) -> list[Any]:
        return [
            record
            for request in self.requests["logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def get_resource(self) -> dict[str, str]:
        """Return the attributes of the service in the first traces."""
        return read_attributes(self.requests["traces"][0].resource_spans[0].resource.attributes)


def read_attributes(pairs: Any) -> dict[str, Any]:
    """Return attributes by key."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _import_messages() -> dict[str, Any]:
    base = "opentelemetry.proto.collector"
    traces = pytest.importorskip(f"{base}.trace.v1.trace_service_pb2")
    metrics = pytest.importorskip(f"{base}.metrics.v1.metrics_service_pb2")
    logs = pytest.importorskip(f"{base}.logs.v1.logs_service_pb2")
    return {
        "traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
        "metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
        "logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
    }


@asynccontextmanager
async def run_http_collector() -> AsyncIterator[Collector]:
    """Run a collector at `/v1/traces`, `/v1/metrics` and `/v1/logs`."""
    messages = _import_messages()
    collector = Collector()

    async def receive(request: web.Request) -> web.Response:
        signal = request.path.removeprefix("/v1/")
        if signal not in messages:
            return web.Response(status=404)
        request_type, response_type = messages[signal]
        collector.requests[signal].append(request_type.FromString(await request.read()))
        collector.credentials.add(request.headers.get("authorization", ""))
        return web.Response(body=response_type().SerializeToString(), content_type="application/x-protobuf")

    async with serve_handler(receive) as url:
        collector.address = url
        yield collector


@asynccontextmanager
async def run_grpc_collector() -> AsyncIterator[Collector]:
    """Run a collector of the three services."""
    grpc = pytest.importorskip("grpc")
    messages = _import_messages()
    collector = Collector()
    server = grpc.aio.server()
    for signal, (request_type, response_type) in messages.items():

        async def export(request: Any, context: Any, signal: str = signal, response_type: Any = response_type) -> Any:
            collector.requests[signal].append(request)
            collector.credentials.add(dict(context.invocation_metadata()).get("authorization", ""))
            return response_type()

        handler = grpc.unary_unary_rpc_method_handler(
            export,
            request_deserializer=request_type.FromString,
            response_serializer=response_type.SerializeToString,
        )
        service = request_type.DESCRIPTOR.file.services_by_name.values()[0].full_name
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    collector.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)
