"""`/api/v1/utils/code`: putting code in order, and running it on a Jupyter server."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.features.code.formatting import Unformattable, formatted
from fastback.features.code.jupyter import Jupyter, Output
from fastback.kit.http import BadRequest, Forbidden, HttpError, Router

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


@router.post("/execute")
async def execute(data: Code, user: VerifiedUser, config: Config) -> Output:
    """Run code where the page cannot: on the Jupyter server of the settings."""
    if not config.flag("code_execution.enable"):
        raise Forbidden(messages.feature_disabled("Code execution"))
    if config.text("code_execution.engine") != "jupyter":
        raise BadRequest(messages.default("Code execution engine not supported"))
    entered_by = config.text("code_execution.jupyter.auth")
    server = Jupyter(
        config.text("code_execution.jupyter.url"),
        token=config.text("code_execution.jupyter.auth_token") if entered_by == "token" else None,
        password=config.text("code_execution.jupyter.auth_password") if entered_by == "password" else None,
        timeout=config.number("code_execution.jupyter.timeout"),
    )
    return await server.run(data.code)
