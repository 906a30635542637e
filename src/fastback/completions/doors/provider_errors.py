"""A provider's refusal as the client of the API gets it."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from fastback.kit.http import Json
from fastback.providers.client import ProviderFailed


def refusal(error: ProviderFailed) -> Response:
    """Its status, its words, and when to come back."""
    found = error.content()
    if isinstance(found, (dict, list)):
        return Json(found, error.status, error.headers)
    if "text/event-stream" in error.content_type:
        return Json({"error": {"message": str(found), "code": error.status}}, error.status, error.headers)
    return PlainTextResponse(str(found), error.status, error.headers)
