"""Errors raised where they are found and turned into an answer in one place: `{"detail": …}`."""

from __future__ import annotations

from typing import Any


class HttpError(Exception):
    """Answers with `status` and `{"detail": detail}`; `detail` is a text or anything JSON can hold."""

    def __init__(self, status: int, detail: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class BadRequest(HttpError):
    def __init__(self, detail: Any) -> None:
        super().__init__(400, detail)


class Unauthorized(HttpError):
    def __init__(self, detail: Any = "401 Unauthorized", headers: dict[str, str] | None = None) -> None:
        super().__init__(401, detail, headers)


class Forbidden(HttpError):
    def __init__(self, detail: Any) -> None:
        super().__init__(403, detail)


class NotFound(HttpError):
    def __init__(self, detail: Any = "We could not find what you're looking for :/") -> None:
        super().__init__(404, detail)


class Conflict(HttpError):
    def __init__(self, detail: Any) -> None:
        super().__init__(409, detail)


class TooManyRequests(HttpError):
    def __init__(self, detail: Any) -> None:
        super().__init__(429, detail)


class NotBuilt(HttpError):
    """An operation of the contract that this release does not carry out."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"{what} is not built in this release of Fastback (see docs/compatibility.md)")


class Invalid(HttpError):
    """422 with FastAPI's list of what is wrong where: `[{"type", "loc", "msg", "input"}]`."""

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
        """One problem. A value that a rule beyond its type refuses is reported with the context `{"error": {}}`."""
        problem = {"type": kind, "loc": loc, "msg": msg, "input": value}
        if ctx is None and kind == "value_error" and msg.startswith("Value error, "):
            ctx = {"error": {}}
        return cls([problem if ctx is None else {**problem, "ctx": ctx}])
