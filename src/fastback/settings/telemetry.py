"""Settings of OpenTelemetry, with the names and defaults of Open WebUI."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.limits import LimitSettings

_PROTOCOLS = ("grpc", "http")


class TelemetrySettings(LimitSettings, frozen=True, kw_only=True):
    """OpenTelemetry"""

    enable_otel: Annotated[
        bool,
        describe("Send telemetry to a collector; the three settings below choose what. Needs the extra `otel`."),
    ] = False
    enable_otel_traces: Annotated[bool, describe("Send a span of each request, and of its calls of models.")] = False
    enable_otel_metrics: Annotated[bool, describe("Send counts and durations of requests, and numbers of users.")] = (
        False
    )
    enable_otel_logs: Annotated[bool, describe("Send the lines of the log, without secrets.")] = False
    otel_exporter_otlp_endpoint: Annotated[
        str,
        describe(
            "Address of the collector. Over HTTP, one without a path gets the path of the standard, `/v1/traces`."
        ),
    ] = "http://localhost:4317"
    otel_metrics_exporter_otlp_endpoint: Annotated[str, describe("Address for metrics; the one above when empty.")] = ""
    otel_logs_exporter_otlp_endpoint: Annotated[str, describe("Address for logs; the one above when empty.")] = ""
    otel_exporter_otlp_insecure: Annotated[
        bool, describe("Send over gRPC without TLS; an address with `http://` does so in any case.")
    ] = False
    otel_metrics_exporter_otlp_insecure: Annotated[
        bool | None, describe("The same for metrics; the value above when unset.")
    ] = None
    otel_logs_exporter_otlp_insecure: Annotated[
        bool | None, describe("The same for logs; the value above when unset.")
    ] = None
    otel_otlp_span_exporter: Annotated[
        str, describe("Protocol of the collector: `grpc` or `http`.", choices=_PROTOCOLS)
    ] = "grpc"
    otel_metrics_otlp_span_exporter: Annotated[
        str, describe("Protocol for metrics; the one above when empty.", choices=("", *_PROTOCOLS))
    ] = ""
    otel_logs_otlp_span_exporter: Annotated[
        str, describe("Protocol for logs; the one above when empty.", choices=("", *_PROTOCOLS))
    ] = ""
    otel_service_name: Annotated[str, describe("Name of this service in telemetry.")] = "open-webui"
    otel_resource_attributes: Annotated[str, describe("Further attributes of this service: `key=value,key=value`.")] = (
        ""
    )
    otel_traces_sampler: Annotated[
        str,
        describe(
            "Which traces are sent.",
            choices=(
                "always_on",
                "always_off",
                "traceidratio",
                "parentbased_always_on",
                "parentbased_always_off",
                "parentbased_traceidratio",
            ),
        ),
    ] = "parentbased_always_on"
    otel_traces_sampler_arg: Annotated[
        float, describe("Share of the traces that a sampler with `traceidratio` sends.", minimum=0, maximum=1)
    ] = 1.0
    otel_metrics_export_interval_millis: Annotated[
        int, describe("Milliseconds between two exports of metrics.", minimum=100)
    ] = 10_000
    otel_basic_auth_username: Annotated[str, describe("User name for the collector; used with a password only.")] = ""
    otel_basic_auth_password: Annotated[str, describe("Password for the collector.")] = ""
    otel_metrics_basic_auth_username: Annotated[str, describe("User name for metrics; the one above when empty.")] = ""
    otel_metrics_basic_auth_password: Annotated[str, describe("Password for metrics; the one above when empty.")] = ""
    otel_logs_basic_auth_username: Annotated[str, describe("User name for logs; the one above when empty.")] = ""
    otel_logs_basic_auth_password: Annotated[str, describe("Password for logs; the one above when empty.")] = ""
