"""`request.app` and `open_webui.main.app`: an application whose state is the server's.

Plugins look up addresses of operations on it. Routes that they add are kept but not served: the server is another
process.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, NoMatchFound

from fastback.plugin_host.application_state import ApplicationState

log = logging.getLogger("fastback.plugin_host")

#: Addresses of operations by the names that plugins look up.
_PATHS = {
    "get_file_content_by_id": "/api/v1/files/{id}/content",
    "get_html_file_content_by_id": "/api/v1/files/{id}/content/html",
    "get_file_data_content_by_id": "/api/v1/files/{id}/data/content",
    "get_file_by_id": "/api/v1/files/{id}",
    "upload_file": "/api/v1/files/",
    "get_model_profile_image": "/api/v1/models/model/profile/image",
    "get_user_profile_image_by_id": "/api/v1/users/{user_id}/profile/image",
    "get_chat_by_id": "/api/v1/chats/{id}",
    "chat_completion": "/api/chat/completions",
    "get_models": "/api/models",
    "serve_cache_file": "/cache/{path}",
}


class PluginApplication(Starlette):
    """The application that plugins see."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ApplicationState()
        self.title = "Open WebUI"

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Return the address of an operation.

        Raises:
            NoMatchFound: the name is unknown, or the parameters are not those of its address.
        """
        template = _PATHS.get(name)
        if template is None:
            return super().url_path_for(name, **path_params)
        try:
            return URLPath(path=template.format(**path_params), protocol="http")
        except KeyError:
            raise NoMatchFound(name, path_params) from None

    def include_router(self, router: Any, *, prefix: str = "", **options: Any) -> None:
        """Keep the routes of a router; they are not served."""
        routes: list[BaseRoute] = list(getattr(router, "routes", ()))
        self.router.routes.extend(routes)
        log.warning("%d routes that a plugin has added below %r are not served", len(routes), prefix)


@cache
def get_application() -> PluginApplication:
    """Return the application of this process."""
    return PluginApplication()
