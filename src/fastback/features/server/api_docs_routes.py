"""Routes of the API documentation: the OpenAPI document, and Swagger UI, which shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import HTMLResponse

from fastback import REFERENCE_VERSION
from fastback.kit.http import JsonBytes, Router
from fastback.kit.http.routing import Route
from fastback.kit.services import Services
from fastback.settings import Settings

_TITLE = "Open WebUI"
#: Swagger UI is part of the frontend.
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_TITLE} - Swagger UI</title>
<link rel="stylesheet" href="/static/swagger-ui/swagger-ui.css">
<link rel="icon" href="/static/swagger-ui/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/static/swagger-ui/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
}});
</script>
</body>
</html>
"""


class ApiDocument:
    """The OpenAPI document of the application, built on the first request."""

    def __init__(self, routes: Sequence[Route], services: Services) -> None:
        self._routes = routes
        self._services = services
        self._content: bytes | None = None
        self._lock = asyncio.Lock()

    async def get_content(self) -> bytes:
        """Return the document as JSON."""
        async with self._lock:
            if self._content is None:
                self._content = await asyncio.to_thread(self._build)
        return self._content

    def _build(self) -> bytes:
        # Most servers are never asked for the document: what describes it is imported only now.
        from fastback.kit.http.openapi import build_document

        api_key_header = self._services.get(Settings).custom_api_key_header
        return build_document(
            self._routes,
            title=_TITLE,
            version=REFERENCE_VERSION,
            security_schemes={
                "HTTPBearer": {"type": "http", "scheme": "bearer"},
                "APIKeyHeader": {"type": "apiKey", "in": "header", "name": api_key_header},
            },
            has_service=self._services.has,
        )


def make_api_docs_router(routes: Sequence[Route], services: Services) -> Router:
    """Return the routes of the documentation of these routes; without any unless `ENV` is `dev`, as in Open WebUI."""
    router = Router()
    if services.get(Settings).env != "dev":
        return router
    document = ApiDocument(routes, services)

    @router.get("/openapi.json")
    async def get_openapi_document() -> JsonBytes:
        return JsonBytes(await document.get_content())

    @router.get("/docs")
    async def show_api_docs() -> HTMLResponse:
        return HTMLResponse(_PAGE)

    return router
