"""A model server's refusal as an HTTP response."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from fastback.kit.http import Json
from fastback.providers.upstream import ProviderRefusal


def build_refusal_response(refusal: ProviderRefusal) -> Response:
    """Return a response with the server's status, its body, and its headers that say when to retry."""
    content = refusal.content()
    if isinstance(content, (dict, list)):
        return Json(content, refusal.status, refusal.headers)
    if "text/event-stream" in refusal.content_type:
        return Json({"error": {"message": str(content), "code": refusal.status}}, refusal.status, refusal.headers)
    return PlainTextResponse(str(content), refusal.status, refusal.headers)
