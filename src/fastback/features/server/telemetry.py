"""Telemetry as the settings ask for it: traces of requests and calls of models, metrics, logs."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp

from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.kit.http.request_observer import RequestObservers
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.kit.telemetry import Exporter
from fastback.providers.gateway import ServerGateway, ServerRequest
from fastback.settings import Settings

log = logging.getLogger("fastback.telemetry")

#: Gauges of users, as Open WebUI names them.
_GAUGES = {
    "webui.users.total": "Total number of registered users",
    "webui.users.active": "Number of currently active users",
    "webui.users.active.today": "Number of users active since midnight today",
}


def start_telemetry(services: Services) -> None:
    """Start what the settings enable; where the packages are missing, log that, and go on without."""
    settings = services.get(Settings)
    if not settings.enable_otel:
        return
    try:
        _start(services, settings)
    except ImportError as error:
        text = "telemetry is disabled, although ENABLE_OTEL=true: %s. Install the extra: pip install 'fastback[otel]'"
        log.error(text, error)


def _start(services: Services, settings: Settings) -> None:
    from opentelemetry.sdk.resources import Resource

    attributes = parse_attributes(settings.otel_resource_attributes)
    resource = Resource.create({**attributes, "service.name": settings.otel_service_name})
    if settings.enable_otel_traces:
        _start_traces(services, settings, resource)
    if settings.enable_otel_metrics:
        _start_metrics(services, settings, resource)
    if settings.enable_otel_logs:
        from fastback.kit.telemetry.log_export import LogExport

        handler = LogExport(exporter=_choose_logs_exporter(settings).create("logs"), resource=resource)
        logging.getLogger().addHandler(handler)
        services.get(Tasks).run_at_shutdown(handler.shut_down)
    log.info("sending telemetry to %s", urlsplit(settings.otel_exporter_otlp_endpoint).netloc)


def parse_attributes(text: str) -> dict[str, str]:
    """Return the attributes of a text `key=value,key=value`, with percent-encoded values."""
    pairs = (entry.partition("=") for entry in text.split(",") if "=" in entry)
    return {key.strip(): unquote(value.strip()) for key, _, value in pairs}


def _start_traces(services: Services, settings: Settings, resource: Any) -> None:
    from fastback.kit.telemetry.traces import Traces, build_sampler

    exporter = Exporter(
        settings.otel_exporter_otlp_endpoint,
        settings.otel_otlp_span_exporter,
        settings.otel_exporter_otlp_insecure,
        settings.otel_basic_auth_username,
        settings.otel_basic_auth_password,
    )
    sampler = build_sampler(settings.otel_traces_sampler, settings.otel_traces_sampler_arg)
    traces = Traces(exporter=exporter.create("traces"), resource=resource, sampler=sampler)
    services.get(RequestObservers).add(traces)
    services.get(ServerGateway).add_hook(_CallTraces(traces))
    services.get(Tasks).run_at_shutdown(traces.close)


def _start_metrics(services: Services, settings: Settings, resource: Any) -> None:
    from fastback.kit.telemetry.meter import Meter

    is_insecure = settings.otel_metrics_exporter_otlp_insecure
    exporter = Exporter(
        settings.otel_metrics_exporter_otlp_endpoint or settings.otel_exporter_otlp_endpoint,
        settings.otel_metrics_otlp_span_exporter or settings.otel_otlp_span_exporter,
        settings.otel_exporter_otlp_insecure if is_insecure is None else is_insecure,
        settings.otel_metrics_basic_auth_username or settings.otel_basic_auth_username,
        settings.otel_metrics_basic_auth_password or settings.otel_basic_auth_password,
    )
    interval_ms = settings.otel_metrics_export_interval_millis
    meter = Meter(exporter=exporter.create("metrics"), resource=resource, interval_ms=interval_ms, gauges=_GAUGES)
    services.get(RequestObservers).add(meter)
    tasks, db = services.get(Tasks), services.get(Database)

    async def read_numbers() -> None:
        counts = (await users.count_users(db), await users.count_active_users(db), await users.count_active_today(db))
        meter.numbers = dict(zip(_GAUGES, counts, strict=True))

    tasks.run_every(interval_ms / 1000, read_numbers)
    tasks.run_at_shutdown(meter.close)


def _choose_logs_exporter(settings: Settings) -> Exporter:
    is_insecure = settings.otel_logs_exporter_otlp_insecure
    return Exporter(
        settings.otel_logs_exporter_otlp_endpoint or settings.otel_exporter_otlp_endpoint,
        settings.otel_logs_otlp_span_exporter or settings.otel_otlp_span_exporter,
        settings.otel_exporter_otlp_insecure if is_insecure is None else is_insecure,
        settings.otel_logs_basic_auth_username or settings.otel_basic_auth_username,
        settings.otel_logs_basic_auth_password or settings.otel_basic_auth_password,
    )


class _CallTraces:
    """Record each request to a model server, up to the head of its response. It is a `RequestHook`."""

    def __init__(self, traces: Any) -> None:
        self._traces = traces

    async def before_request(self, request: ServerRequest) -> None:
        pass

    async def after_response(self, request: ServerRequest, response: aiohttp.ClientResponse) -> None:
        self._record(request, {"http.response.status_code": response.status}, is_failed=response.status >= 400)

    async def after_failure(self, request: ServerRequest, error: Exception) -> None:
        self._record(request, {"error.type": type(error).__name__}, is_failed=True)

    def _record(self, request: ServerRequest, attributes: dict[str, Any], *, is_failed: bool) -> None:
        started_ns = time.time_ns() - int((time.perf_counter() - request.started) * 1e9)
        address = urlsplit(request.url)
        attributes |= {
            "http.request.method": request.method,
            "server.address": address.hostname or "",
            "url.path": address.path,
            "gen_ai.request.model": request.model_id,
        }
        self._traces.record_call(f"{request.method} {address.path}", started_ns, attributes, is_failed=is_failed)
