"""`/oauth/backchannel-logout`."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

from fastback.features.oauth.backchannel_logout import BackchannelLogout, InvalidLogout
from fastback.kit.http import NotFound, Router
from fastback.kit.http.body import Json
from fastback.kit.http.request_body import read_body
from fastback.settings import Settings

router = Router("/oauth")

#: Bytes and fields of a request.
_MAX_BODY, _MAX_FIELDS = 64 * 1024, 20
_NO_STORE = {"cache-control": "no-store"}


@router.post("/backchannel-logout")
async def end_sessions(request: Request, settings: Settings, logout: BackchannelLogout) -> Json:
    """End the sessions of the user named in the signed token of the form."""
    if not settings.enable_oauth_backchannel_logout:
        raise NotFound("Not Found")
    body = await read_body(request, _MAX_BODY)
    try:
        tokens = parse_qs(body.decode(), max_num_fields=_MAX_FIELDS).get("logout_token", [])
    except ValueError:
        tokens = []
    try:
        if not tokens:
            raise InvalidLogout("Missing logout_token parameter")
        await logout.end_sessions(tokens[0])
    except InvalidLogout as error:
        content = {"error": "invalid_request", "error_description": str(error)}
        return Json(content, 400, _NO_STORE)
    return Json({}, 200, _NO_STORE)
