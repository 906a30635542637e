"""The application, and completions."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as Request

from fastback.plugin_host.application import get_application
from fastback.plugin_host.open_webui.utils.chat import chat_completed as chat_completed
from fastback.plugin_host.open_webui.utils.chat import generate_chat_completion as generate_chat_completion
from fastback.plugin_host.open_webui.utils.chat import generate_chat_completions as generate_chat_completions
from fastback.plugin_host.open_webui.utils.models import get_all_models as get_all_models

#: The application; `webui_app` and `fastapi_app` are former names of it.
app = webui_app = fastapi_app = get_application()

chat_completion = generate_chat_completions


def __getattr__(name: str) -> Any:
    if name in ("VERSION", "WEBUI_NAME"):
        return getattr(app.state, name)
    raise AttributeError(name)
