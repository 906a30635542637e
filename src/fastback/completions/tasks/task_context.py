"""The context of a request that asks a model for a task beside a chat: a title, tags, a summary."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.providers.request_context import RequestContext


def build_task_context(ctx: RequestContext, task: str, task_body: dict[str, Any]) -> RequestContext:
    """Return the context of a request for a task; plugins see `task_body`, which the task was asked for with."""
    metadata = {"task": task, "task_body": task_body, "chat_id": task_body.get("chat_id")}
    return msgspec.structs.replace(ctx, task=task, plugin_metadata=metadata, continues=False)
