"""Errors in the shape of the standard (RFC 7644, section 3.12), for everything that a SCIM operation raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request

from fastback.features.scim.names import ERROR_SCHEMA
from fastback.features.scim.responses import ScimResponse
from fastback.kit.http.errors import HttpError, Invalid
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.http.routing import Call
from fastback.kit.http.value_responses import find_value_response
from fastback.kit.services import Services


class ScimError(HttpError):
    """Respond with a SCIM error; `scim_type` is a keyword of the standard: `invalidFilter`, `uniqueness`, …"""

    def __init__(
        self, status: int, detail: str, scim_type: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.scim_type = scim_type


class ResourceNotFound(ScimError):
    """Respond with 404: no provisioned resource has this id. The keyword is the reference's."""

    def __init__(self, kind: str, resource_id: str) -> None:
        super().__init__(404, f"{kind} {resource_id} not found", "invalidValue")


class InvalidValue(ScimError):
    """Respond with 400: a value is missing, or does not fit its attribute."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail, "invalidValue")


class InvalidSyntax(ScimError):
    """Respond with 400: the request is no message of the standard."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail, "invalidSyntax")


class Conflict(ScimError):
    """Respond with 409: another resource has this value."""

    def __init__(self, detail: str) -> None:
        super().__init__(409, detail, "uniqueness")


def build_error_response(error: HttpError) -> ScimResponse:
    """Return the response to an error; that of other features gets the keyword that its status implies."""
    status, scim_type = error.status, getattr(error, "scim_type", None)
    detail = error.detail
    if isinstance(error, Invalid):
        status, detail, scim_type = 400, *_describe_problem(error.detail[0])
    elif status == 400 and not isinstance(error, ScimError):
        scim_type = "invalidValue"
    content: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(status), "detail": str(detail)}
    if scim_type is not None:
        content["scimType"] = scim_type
    return ScimResponse(content, status, error.headers)


def _describe_problem(problem: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text and the keyword of the first problem of an invalid request."""
    location = ".".join(str(part) for part in problem["loc"][1:])
    text = str(problem["msg"]).removeprefix("Value error, ")
    is_structure = len(problem["loc"]) < 2 or problem["type"] == "json_invalid"
    return (text if is_structure else f"{text}: {location}"), "invalidSyntax" if is_structure else "invalidValue"


def respond_in_scim(call: Call, services: Services) -> Call:
    """Wrap the call of an operation: its errors become SCIM errors. Unexpected ones are logged elsewhere, and 500."""

    async def call_and_convert(request: Request, path: dict[str, str]) -> Any:
        try:
            return await call(request, path)
        except ClientDisconnect:
            raise
        except HttpError as error:
            return build_error_response(error)
        except Exception as error:
            label = f"{request.method} {request.url.path}"
            response = find_outage_response(error, label) or find_value_response(error, label)
            if response is None:
                raise
            return build_error_response(response)

    return call_and_convert
