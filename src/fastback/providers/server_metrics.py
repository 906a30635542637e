"""Metrics of model servers: requests, failures, time to the first token, and tokens.

Bodies are relayed without being parsed, so the numbers of tokens are read from their beginnings and ends alone: every
protocol has its usage there, where the server reports any.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

import aiohttp

from fastback.kit.metrics import LabelLimit, Metrics
from fastback.providers.body_watch import watch_body
from fastback.providers.gateway import ServerRequest
from fastback.providers.response_body import CONNECTION_ERRORS

#: Servers and models that have samples of their own.
_MAX_SERVERS, _MAX_MODELS = 50, 200
_TOKEN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: Bytes at the beginning and at the end of a body that are searched for its usage. With the Responses API the usage is
#: followed by the settings of the request.
_HEAD_BYTES, _TAIL_BYTES = 2048, 8192
#: Names of the numbers of tokens in the protocols of OpenAI, Anthropic and Ollama.
_TOKENS = {
    "input": re.compile(rb'"(?:prompt_tokens|input_tokens|prompt_eval_count)"\s{0,4}:\s{0,4}(\d{1,12})'),
    "output": re.compile(rb'"(?:completion_tokens|output_tokens|eval_count)"\s{0,4}:\s{0,4}(\d{1,12})'),
}


class ServerMetrics:
    """Count the requests of a gateway. It is a `RequestHook`."""

    def __init__(self, metrics: Metrics) -> None:
        self._servers, self._models = LabelLimit(_MAX_SERVERS), LabelLimit(_MAX_MODELS)
        self.requests = metrics.add_counter(
            "fastback_model_server_requests",
            "Requests to model servers by the status of the response; `unreachable` and `timeout` had none.",
            ("server", "status"),
        )
        self.broken = metrics.add_counter(
            "fastback_model_server_broken_responses", "Responses of model servers that broke off.", ("server",)
        )
        self.first_tokens = metrics.add_histogram(
            "fastback_time_to_first_token_seconds",
            "Seconds from a request for a stream to its first data.",
            ("model",),
            buckets=_TOKEN_BUCKETS,
        )
        self.tokens = metrics.add_counter(
            "fastback_tokens", "Tokens that model servers have reported.", ("model", "kind")
        )

    def name_server(self, request: ServerRequest) -> str:
        """Return the label of a server: its host and port."""
        return self._servers.bound(request.url.partition("://")[2].partition("/")[0].rpartition("@")[2])

    def name_model(self, request: ServerRequest) -> str:
        """Return the label of a model."""
        return self._models.bound(request.model_id or "none")

    async def before_request(self, request: ServerRequest) -> None:
        pass

    async def after_response(self, request: ServerRequest, response: aiohttp.ClientResponse) -> None:
        self.requests.labels(self.name_server(request), str(response.status)).inc()
        if response.status < 400:
            watch_body(response, _UsageWatch(self, request))

    async def after_failure(self, request: ServerRequest, error: Exception) -> None:
        status = "timeout" if isinstance(error, TimeoutError) else "unreachable"
        self.requests.labels(self.name_server(request), status).inc()


class _UsageWatch:
    """Keep the beginning and the end of a body, and count what they report. It is a `BodyWatch`."""

    def __init__(self, metrics: ServerMetrics, request: ServerRequest) -> None:
        self._metrics = metrics
        self._request = request

    async def follow(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        request, metrics = self._request, self._metrics
        head, tail = bytearray(), b""
        has_begun = not request.is_stream
        try:
            async for data in body:
                if not has_begun and not data.startswith(b":"):  # a comment keeps the connection alive
                    has_begun = True
                    seconds = perf_counter() - request.started
                    metrics.first_tokens.labels(metrics.name_model(request)).observe(seconds)
                if len(head) < _HEAD_BYTES:
                    head += data[: _HEAD_BYTES - len(head)]
                tail = (tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
                yield data
        except CONNECTION_ERRORS:
            metrics.broken.labels(metrics.name_server(request)).inc()
            raise
        finally:
            self._count_tokens(bytes(head) + b"\n" + tail)

    def _count_tokens(self, text: bytes) -> None:
        model = self._metrics.name_model(self._request)
        for kind, pattern in _TOKENS.items():
            counts: list[Any] = pattern.findall(text)
            if counts:
                self._metrics.tokens.labels(model, kind).inc(int(counts[-1]))
