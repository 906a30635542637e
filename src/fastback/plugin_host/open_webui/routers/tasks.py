"""Generations beside chats: titles, tags, queries and others."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.router_operations import define_operation

_ROOT = "/api/v1/tasks"

get_task_config: Any = define_operation("GET", f"{_ROOT}/config", "request user")
update_task_config: Any = define_operation("POST", f"{_ROOT}/config/update")
generate_title: Any = define_operation("POST", f"{_ROOT}/title/completions")
generate_follow_ups: Any = define_operation("POST", f"{_ROOT}/follow_up/completions")
generate_chat_tags: Any = define_operation("POST", f"{_ROOT}/tags/completions")
generate_image_prompt: Any = define_operation("POST", f"{_ROOT}/image_prompt/completions")
generate_queries: Any = define_operation("POST", f"{_ROOT}/queries/completions")
generate_autocompletion: Any = define_operation("POST", f"{_ROOT}/auto/completions")
generate_emoji: Any = define_operation("POST", f"{_ROOT}/emoji/completions")
generate_moa_response: Any = define_operation("POST", f"{_ROOT}/moa/completions")
