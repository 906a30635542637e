"""What is told of a model server's refusal."""

from __future__ import annotations

from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User

_UNKNOWN_MODEL = ("model_not_found", "model not found", "does not exist", "no such model")
#: The longest message of a server that is told (characters); so much of a key is, too.
_LONGEST, _SUFFIX = 1000, 4


def _kind(status: int, words: str) -> str:
    if status == 404 and any(one in words for one in _UNKNOWN_MODEL):
        return "model_not_found"
    if status in (401, 403):
        return "authentication_failed"
    if status == 429:
        return "rate_limited"
    return "server_failed" if status >= 500 else "upstream_error"


def refused(
    user: User | None, provider: str, url: str, status: int, answer: Any, *, model: str | None = None, key: str = ""
) -> ActivityEvent:
    """A server's refusal as an event; `answer` is what it answered, `provider` the protocol that was spoken."""
    error = answer.get("error") if isinstance(answer, dict) else answer
    code = None
    if isinstance(error, dict):
        code = error.get("code") or error.get("type") or error.get("error_code")
        error = error.get("message") or error.get("detail") or error
    data: dict[str, Any] = {
        "error_type": _kind(status, f"{code or ''} {error or ''}".lower()),
        "status": status,
        "provider": provider,
        "base_url": url,
    }
    if model:
        data["requested_model"] = model
    if key:
        data["api_key_suffix"] = f"...{key[-_SUFFIX:]}"
    if code:
        data["upstream_error_code"] = code
    if error:
        data["upstream_message"] = error[:_LONGEST] if isinstance(error, str) else error
    return ActivityEvent("model.provider_request.failed", user, model, "model", data)
