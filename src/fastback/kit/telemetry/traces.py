"""A span of each request; those of its calls of other servers are below it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fastback.kit.http.application import Scope
from fastback.kit.http.request_observer import EndRequest

#: Samplers by the names of the standard; those below a parent follow its decision.
_PARENT_BASED = "parentbased_"


def build_sampler(name: str, ratio: float) -> Any:
    """Return the sampler of a name."""
    from opentelemetry.sdk.trace import sampling

    roots: dict[str, Any] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(ratio),
    }
    root = roots[name.removeprefix(_PARENT_BASED)]
    return sampling.ParentBased(root) if name.startswith(_PARENT_BASED) else root


class Traces:
    """Spans of requests and of calls. It is a `RequestObserver`."""

    def __init__(self, *, exporter: Any, resource: Any, sampler: Any) -> None:
        from opentelemetry import context, trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("fastback")
        self._propagator = TraceContextTextMapPropagator()
        self._context, self._trace = context, trace

    def begin_request(self, scope: Scope) -> EndRequest:
        parent = None
        for name, value in scope["headers"]:
            if name == b"traceparent":
                parent = self._propagator.extract({"traceparent": value.decode("latin-1")})
        attributes = {"http.request.method": scope["method"], "url.scheme": scope["scheme"]}
        span = self._tracer.start_span(scope["method"], parent, kind=self._trace.SpanKind.SERVER, attributes=attributes)
        token = self._context.attach(self._trace.set_span_in_context(span))
        return partial(self._end_request, span, token, scope["method"])

    def _end_request(self, span: Any, token: Any, method: str, route: str, status: int) -> None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        self._context.detach(token)
        span.end()

    def record_call(self, name: str, started_ns: int, attributes: dict[str, Any], *, is_failed: bool) -> None:
        """Record a call of another server that began at `started_ns` (of `time.time_ns`) and has ended now."""
        span = self._tracer.start_span(
            name, kind=self._trace.SpanKind.CLIENT, attributes=attributes, start_time=started_ns
        )
        if is_failed:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    async def close(self) -> None:
        """Send what is left, for a moment at most."""
        await asyncio.to_thread(self._provider.force_flush, 800)
        await asyncio.to_thread(self._provider.shutdown)
