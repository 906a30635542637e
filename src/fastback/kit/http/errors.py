"""Errors that the application turns into responses: `{"detail": …}`."""

from __future__ import annotations

from typing import Any


class HttpError(Exception):
    """Respond with `status` and `{"detail": detail}`; `detail` is a text or any other JSON value."""

    def __init__(self, status: int, detail: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class BadRequest(HttpError):
    """Respond with 400."""

    def __init__(self, detail: Any) -> None:
        super().__init__(400, detail)


class Unauthorized(HttpError):
    """Respond with 401: the credentials are missing or invalid."""

    def __init__(self, detail: Any = "401 Unauthorized", headers: dict[str, str] | None = None) -> None:
        super().__init__(401, detail, headers)


class Forbidden(HttpError):
    """Respond with 403: the caller lacks the permission."""

    def __init__(self, detail: Any) -> None:
        super().__init__(403, detail)


class NotFound(HttpError):
    """Respond with 404."""

    def __init__(self, detail: Any = "We could not find what you're looking for :/") -> None:
        super().__init__(404, detail)


class Conflict(HttpError):
    """Respond with 409."""

    def __init__(self, detail: Any) -> None:
        super().__init__(409, detail)


class TooManyRequests(HttpError):
    """Respond with 429."""

    def __init__(self, detail: Any) -> None:
        super().__init__(429, detail)


class ServiceUnavailable(HttpError):
    """Respond with 503: the same request may succeed in `RETRY_SECONDS`."""

    RETRY_SECONDS = 2

    def __init__(self, detail: Any) -> None:
        super().__init__(503, detail, {"Retry-After": str(self.RETRY_SECONDS)})


class InsufficientStorage(HttpError):
    """Respond with 507: a disk is full."""

    def __init__(self, detail: Any) -> None:
        super().__init__(507, detail)


class NotBuilt(HttpError):
    """Respond with 501: an operation of the contract that this release does not have."""

    def __init__(self, subject: str, *, plural: bool = False) -> None:
        super().__init__(501, f"{subject} {'are' if plural else 'is'} not available on this server yet.")


class Invalid(HttpError):
    """Respond with 422 and FastAPI's list of problems: `[{"type", "loc", "msg", "input"}]`."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__(422, problems)

    @classmethod
    def at(
        cls,
        loc: list[str | int],
        msg: str,
        *,
        kind: str = "value_error",
        value: Any = None,
        ctx: dict[str, Any] | None = None,
    ) -> Invalid:
        """Return an error with one problem.

        A value that a rule beyond its type refuses has the context `{"error": {}}`.
        """
        problem = {"type": kind, "loc": loc, "msg": msg, "input": value}
        if ctx is None and kind == "value_error" and msg.startswith("Value error, "):
            ctx = {"error": {}}
        return cls([problem if ctx is None else {**problem, "ctx": ctx}])
