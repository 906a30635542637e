"""The one place where values that nothing can process become responses: 400, where no check has refused them before."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastback.kit.db.errors import InvalidValueError
from fastback.kit.http.body import encoder
from fastback.kit.http.errors import BadRequest, HttpError

log = logging.getLogger("fastback.http")

_OUT_OF_RANGE = "A value is out of range or too long."
_TOO_DEEP = "The JSON is nested too deeply."
_NO_UNICODE = "A text is not valid Unicode."
#: Errors of Python that only values cause.
_DETAILS: dict[type[Exception], str] = {
    OverflowError: _OUT_OF_RANGE,
    RecursionError: _TOO_DEEP,
    UnicodeEncodeError: _NO_UNICODE,
}


def find_value_response(error: BaseException, request: str) -> HttpError | None:
    """Return the response to an error that a value of the request caused, and log it; None for any other error.

    `request` is its method and path.
    """
    if isinstance(error, InvalidValueError):
        log.warning("%s failed, invalid value: %s", request, error)
        return BadRequest(_OUT_OF_RANGE)
    for kind, detail in _DETAILS.items():
        if isinstance(error, kind):
            log.warning("%s failed, invalid value", request, exc_info=error)
            return BadRequest(detail)
    return None


def encode_detail(detail: Any) -> bytes:
    """Return the body of an error response. It may repeat values of the request that UTF-8 does not have."""
    try:
        return encoder.encode({"detail": detail})
    except UnicodeEncodeError:
        return json.dumps({"detail": detail}).encode()  # half of a surrogate pair stays escaped, as it came
    except RecursionError:
        return encoder.encode({"detail": _TOO_DEEP})
