"""The envelope of every HTTP request: its id, its duration, the headers of every response, a line in the log.

An id in `X-Request-Id`, from a proxy or client, is kept, so that one search finds a request in the logs of both.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence
from itertools import count
from time import perf_counter
from typing import Any

from fastback.kit import log as logs
from fastback.kit.http.application import Asgi, Receive, Scope, Send, send_error
from fastback.kit.http.request_observer import CLIENT_CLOSED, NO_ROUTE, ROUTE_KEY, EndRequest, RequestObserver

log = logging.getLogger("fastback.http")
access_log = logging.getLogger("fastback.access")

#: Ids that are accepted: they cannot break a line of the log.
_VALID_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_VARY = (b"vary", b"Origin")


class RequestEnvelope:
    """ASGI middleware, the outermost one of HTTP.

    `cors` is the same application inside the CORS middleware; it gets only requests with an origin. `headers` replace a
    response's own headers of the same name.
    """

    def __init__(
        self,
        app: Asgi,
        *,
        cors: Asgi,
        headers: list[tuple[bytes, bytes]] | None = None,
        observers: Sequence[RequestObserver] = (),
    ) -> None:
        self._app = app
        self._observers = tuple(observers)
        self._cors = cors
        self._headers = headers or []
        self._header_names = {name for name, _ in self._headers}
        self._ids = map((secrets.token_hex(5) + "{:06x}").format, count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request_headers = dict(scope["headers"])
        client_request_id = request_headers.get(b"x-request-id")
        request_id = (
            client_request_id.decode("ascii")
            if client_request_id is not None and _VALID_ID.fullmatch(client_request_id)
            else next(self._ids)
        )
        logs.request_id.set(request_id)
        ends = self._begin_observing(scope) if self._observers else None
        is_cross_origin = b"origin" in request_headers
        status = 0

        # Not a coroutine: it is called for every chunk of a stream.
        def send_with_headers(message: Any) -> Any:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                if self._header_names:
                    headers = [pair for pair in headers if pair[0].lower() not in self._header_names]
                headers = [
                    *headers,
                    *self._headers,
                    (b"x-request-id", request_id.encode()),
                    (b"x-process-time", b"%.6f" % (perf_counter() - started)),
                ]
                if not is_cross_origin:
                    headers.append(_VARY)  # for a request with an origin the CORS middleware adds it
                message = {**message, "headers": headers}
            return send(message)

        try:
            await (self._cors if is_cross_origin else self._app)(scope, receive, send_with_headers)
        except Exception as error:
            request = f"{scope['method']} {_get_raw_path(scope)}"
            if status:
                log.error("%s failed", request, exc_info=error)
                raise  # the response has begun: the server aborts it
            await send_error(send_with_headers, error, request)
        finally:
            if ends is not None:
                _end_observing(ends, scope, status)
            if access_log.isEnabledFor(logging.DEBUG):
                elapsed_ms = (perf_counter() - started) * 1000
                client = (scope.get("client") or ("unknown",))[0]
                access_log.debug(
                    "%s %s %d in %.1f ms for %s", scope["method"], _get_raw_path(scope), status, elapsed_ms, client
                )

    def _begin_observing(self, scope: Scope) -> list[EndRequest]:
        scope[ROUTE_KEY] = []
        return [observer.begin_request(scope) for observer in self._observers]


def _end_observing(ends: list[EndRequest], scope: Scope, status: int) -> None:
    templates = scope[ROUTE_KEY]
    for end in ends:
        end(templates[0] if templates else NO_ROUTE, status or CLIENT_CLOSED)


def _get_raw_path(scope: Scope) -> str:
    """Return the path as it was sent, without the query, which may have a credential."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")
