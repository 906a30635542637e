"""What went wrong with an MCP server, in words for users and models."""

from __future__ import annotations

from pydantic import ValidationError

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.mcp_http import Exchange

#: Texts of the SDK of answers that it cannot read, and those that say less than the status.
_UNREADABLE = ("Failed to parse JSON response", "Failed to parse SSE message")
_VAGUE_TEXTS = ("Server returned an error response", "Not Found")
#: Characters of a text that a server has chosen.
_MAX_CHARACTERS = 1_000


def unwrap_error(error: BaseException) -> BaseException:
    """Return the first error in a group of errors."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error


def build_failure(error: BaseException | None, exchange: Exchange) -> RemoteFailure:
    """Return the error for the server's process; of the kind `mcp_unauthorized` where the credentials are refused."""
    kind = "mcp_unauthorized" if exchange.status == 401 and not exchange.problem else "mcp_error"
    return RemoteFailure(kind, describe_failure(error, exchange))


def describe_failure(error: BaseException | None, exchange: Exchange) -> str:
    """Return what went wrong, in one line for users and models."""
    if exchange.problem:
        return exchange.problem
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"its answer is invalid: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    text = str(unwrap_error(error))[:_MAX_CHARACTERS] if error is not None else ""
    if text.startswith(_UNREADABLE):
        return "its answer is not JSON, or no message of the protocol"
    if exchange.status >= 400 and (not text or text in _VAGUE_TEXTS):
        return f"HTTP {exchange.status}"
    return text or (type(error).__name__ if error is not None else "the connection was lost")
