"""`/api/v1/utils/code`: putting code in order."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from fastback.access.guards import AdminUser
from fastback.features.code.formatting import Unformattable, formatted
from fastback.kit.http import BadRequest, HttpError, Router

router = Router("/api/v1/utils/code")


class Code(msgspec.Struct):
    code: str


@router.post("/format")
async def format_code(data: Code, user: AdminUser) -> Code:
    if find_spec("black") is None:
        raise HttpError(501, "Formatting code needs Black: pip install black")
    try:
        return Code(await formatted(data.code))
    except Unformattable as error:
        raise BadRequest(str(error)) from None
