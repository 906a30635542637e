"""Events that report a model server's refusal, for administrators who listen by webhook."""

from __future__ import annotations

from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User

_UNKNOWN_MODEL_PHRASES = ("model_not_found", "model not found", "does not exist", "no such model")
#: Characters of a server's message, and of the end of a key, that an event shows.
_MAX_MESSAGE, _KEY_SUFFIX = 1000, 4


def _classify_error(status: int, text: str) -> str:
    if status == 404 and any(phrase in text for phrase in _UNKNOWN_MODEL_PHRASES):
        return "model_not_found"
    if status in (401, 403):
        return "authentication_failed"
    if status == 429:
        return "rate_limited"
    return "server_failed" if status >= 500 else "upstream_error"


def build_refusal_event(
    user: User | None, provider: str, url: str, status: int, content: Any, *, model: str | None = None, key: str = ""
) -> ActivityEvent:
    """Build the event of a refusal; `content` is the decoded response, `provider` the protocol that was spoken."""
    if isinstance(content, list) and len(content) == 1:
        content = content[0]  # Google wraps its errors in a list
    error = content.get("error") if isinstance(content, dict) else content
    code = None
    if isinstance(error, dict):
        code = error.get("code") or error.get("type") or error.get("error_code")
        error = error.get("message") or error.get("detail") or error
    data: dict[str, Any] = {
        "error_type": _classify_error(status, f"{code or ''} {error or ''}".lower()),
        "status": status,
        "provider": provider,
        "base_url": url,
    }
    if model:
        data["requested_model"] = model
    if key:
        data["api_key_suffix"] = f"...{key[-_KEY_SUFFIX:]}"
    if code:
        data["upstream_error_code"] = code
    if error:
        data["upstream_message"] = error[:_MAX_MESSAGE] if isinstance(error, str) else error
    return ActivityEvent("model.provider_request.failed", user, model, "model", data)
