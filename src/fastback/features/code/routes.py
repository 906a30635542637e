"""Routes below `/api/v1/utils/code`: format code, and run it on a Jupyter server."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys import code as code_keys
from fastback.features.code.formatting import CodeFormatter, FormattingError
from fastback.features.code.jupyter import CodeOutput, JupyterClient
from fastback.kit.http import BadRequest, Forbidden, HttpError, Router

router = Router("/api/v1/utils/code")


class Code(msgspec.Struct):
    code: str


@router.post("/format")
async def format_code(data: Code, user: AdminUser, formatter: CodeFormatter) -> Code:
    """Format Python code with Black."""
    if find_spec("black") is None:
        raise HttpError(501, "Formatting code needs Black: pip install black")
    try:
        return Code(await formatter.format(data.code))
    except FormattingError as error:
        raise BadRequest(str(error)) from None


@router.post("/execute")
async def execute_code(data: Code, user: VerifiedUser, config: Config) -> CodeOutput:
    """Run code on the Jupyter server of the settings."""
    if not config.get_bool(code_keys.CODE_EXECUTION_ENABLE):
        raise Forbidden(messages.feature_disabled("Code execution"))
    if config.get_text(code_keys.CODE_EXECUTION_ENGINE) != "jupyter":
        raise BadRequest(messages.wrap_reason("Code execution engine not supported"))
    auth_method = config.get_text(code_keys.CODE_EXECUTION_JUPYTER_AUTH)
    client = JupyterClient(
        config.get_text(code_keys.CODE_EXECUTION_JUPYTER_URL),
        token=config.get_text(code_keys.CODE_EXECUTION_JUPYTER_AUTH_TOKEN) if auth_method == "token" else None,
        password=config.get_text(code_keys.CODE_EXECUTION_JUPYTER_AUTH_PASSWORD) if auth_method == "password" else None,
        timeout=config.get_number(code_keys.CODE_EXECUTION_JUPYTER_TIMEOUT),
    )
    return await client.run(data.code)
