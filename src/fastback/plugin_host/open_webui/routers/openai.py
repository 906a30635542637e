"""Completions of models of OpenAI-compatible servers, which any model of the server answers here."""

from __future__ import annotations

from fastback.plugin_host.open_webui.utils.chat import generate_chat_completion as generate_chat_completion
from fastback.plugin_host.open_webui.utils.models import get_all_models as get_all_models
