"""OpenTelemetry: traces, metrics and logs reach a collector; without its packages the server runs and says so."""

from __future__ import annotations

import logging
import subprocess
import sys
from base64 import b64encode
from typing import Any

import pytest

from fastback.features.server.telemetry import parse_attributes
from otlp_collector import Collector, read_attributes, run_grpc_collector, run_http_collector
from waiting import wait_until

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
COLLECTORS = {"http": run_http_collector, "grpc": run_grpc_collector}


def build_variables(collector: Collector, protocol: str) -> dict[str, str]:
    return {
        "ENABLE_OTEL": "true",
        "ENABLE_OTEL_TRACES": "true",
        "ENABLE_OTEL_METRICS": "true",
        "ENABLE_OTEL_LOGS": "true",
        "OTEL_OTLP_SPAN_EXPORTER": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
        "OTEL_SERVICE_NAME": "chat",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=tests,team=a%20b",
        "OTEL_BASIC_AUTH_USERNAME": "ada",
        "OTEL_BASIC_AUTH_PASSWORD": "secret",
        "OTEL_METRICS_EXPORT_INTERVAL_MILLIS": "200",
    }


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_a_collector_gets_everything(start_server: Any, protocol: str) -> None:
    pytest.importorskip("opentelemetry.sdk")
    async with COLLECTORS[protocol]() as collector:
        async with start_server(**build_variables(collector, protocol)) as server:
            ada = await server.sign_up("Ada")
            headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01", "x-request-id": "request-7"}
            body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi"}]}
            (await ada.post("/api/chat/completions", body, headers=headers)).ok()
            (await ada.get("/api/v1/chats/none")).refused(401)
            logging.getLogger("fastback.tests").warning("failed with password=%s", "hunter2")
            await wait_until(lambda: collector.read_gauge("webui.users.active.today") == 1, 15)
        require_spans(collector)
        require_metrics(collector)
        (record,) = [record for record in collector.list_log_records() if "failed with" in record.body.string_value]
        assert record.body.string_value == "failed with password=[secret]"
        assert record.severity_text == "WARNING"
        resource = collector.get_resource()
        assert resource["service.name"] == "chat"
        assert (resource["deployment.environment"], resource["team"]) == ("tests", "a b")
        assert collector.credentials == {"Basic " + b64encode(b"ada:secret").decode()}


def require_spans(collector: Collector) -> None:
    spans = {span.name: span for span in collector.list_spans()}
    request = spans["POST /api/chat/completions"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    attributes = read_attributes(request.attributes)
    assert (attributes["http.route"], attributes["http.response.status_code"]) == ("/api/chat/completions", 200)
    call = spans["POST /v1/chat/completions"]
    assert call.parent_span_id == request.span_id and call.trace_id == request.trace_id
    assert read_attributes(call.attributes)["gen_ai.request.model"] == "demo-small"
    assert request.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano
    other = spans["GET /api/v1/chats/{chat_id}"]
    assert other.parent_span_id == b"" and other.trace_id != request.trace_id


def require_metrics(collector: Collector) -> None:
    metrics = {metric.name: metric for metric in collector.list_metrics()}
    assert metrics["webui.users.total"].gauge.data_points[0].as_int == 1
    assert metrics["webui.users.active"].gauge.data_points[0].as_int == 1
    points = {
        (attributes["http.method"], attributes["http.route"], attributes["http.status_code"]): point.as_int
        for point in metrics["http.server.requests"].sum.data_points
        for attributes in [read_attributes(point.attributes)]
    }
    assert points["POST", "/api/chat/completions", 200] == 1
    assert points["GET", "/api/v1/chats/{chat_id}", 401] == 1
    assert metrics["http.server.duration"].unit == "ms"


async def test_a_collector_that_is_away_stops_nothing(start_server: Any) -> None:
    pytest.importorskip("opentelemetry.sdk")
    collector = Collector()
    collector.address = "http://127.0.0.1:9"
    async with start_server(**build_variables(collector, "http")) as server:
        await server.sign_up("Ada")


async def test_each_signal_is_enabled_by_itself(start_server: Any) -> None:
    pytest.importorskip("opentelemetry.sdk")
    async with run_http_collector() as collector:
        only_traces = {"ENABLE_OTEL_METRICS": "false", "ENABLE_OTEL_LOGS": "false", "OTEL_TRACES_SAMPLER": "always_off"}
        async with start_server(**build_variables(collector, "http") | only_traces) as server:
            await server.sign_up("Ada")
        assert collector.requests == {"traces": [], "metrics": [], "logs": []}


async def test_missing_packages_are_named_in_the_log(
    start_server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    async with start_server(ENABLE_OTEL="true", ENABLE_OTEL_TRACES="true") as server:
        await server.sign_up("Ada")
    (text,) = [record.getMessage() for record in caplog.records if "telemetry" in record.name]
    assert text.startswith("telemetry is disabled, although ENABLE_OTEL=true: ")
    assert text.endswith("Install the extra: pip install 'fastback[otel]'")


def test_attributes_of_the_service() -> None:
    assert parse_attributes(" a=1, b = c%20d ,junk,") == {"a": "1", "b": "c d"}


def test_the_packages_are_not_imported_unless_enabled() -> None:
    program = "import sys\nfrom fastback import app, server\nprint('opentelemetry' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
