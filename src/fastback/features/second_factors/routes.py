"""`/api/v1/auths/mfa`: the second step of a sign-in, enrolment, recovery codes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from fastback.access.guards import HumanIdentity
from fastback.config import Config
from fastback.config.keys.auth import WEBUI_URL
from fastback.features.second_factors import schemas
from fastback.features.second_factors.authenticators import AuthenticatorSetup
from fastback.features.second_factors.challenge_cookie import CHALLENGE_COOKIE, build_challenge_removal
from fastback.features.second_factors.challenges import EXPIRED
from fastback.features.second_factors.codes import SubmittedCode
from fastback.features.second_factors.completion import SignInCompletion
from fastback.features.second_factors.enrolment import Enrolment
from fastback.features.second_factors.self_service import SelfService
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.http import Forbidden, HttpError, Router, Unauthorized
from fastback.kit.http.body import WithHeaders

router = Router("/api/v1/auths/mfa", wrap=protect_credentials)

_FOREIGN_ORIGIN = "Invalid request origin."


def _read_code(request: Request, data: schemas.CodeForm | schemas.FactorForm) -> SubmittedCode:
    return SubmittedCode(data.code, data.recovery, request.client.host if request.client else None)


@router.get("/status")
async def get_status(identity: HumanIdentity, self_service: SelfService) -> schemas.FactorStatus:
    return await self_service.get_status(identity)


@router.post("/challenge")
async def get_challenge(request: Request, factors: SecondFactors, config: Config) -> WithHeaders[NextStep]:
    """Return the step of an OAuth sign-in, whose token is in the cookie; the cookie is removed."""
    _require_own_origin(request, config.get_text(WEBUI_URL))
    removal = build_challenge_removal()
    try:
        step = await factors.describe_sign_in(request.cookies.get(CHALLENGE_COOKIE, ""))
    except HttpError:
        raise Unauthorized(EXPIRED, {"set-cookie": removal.decode("latin-1")}) from None
    return WithHeaders(step, [(b"set-cookie", removal)])


def _require_own_origin(request: Request, configured_url: str) -> None:
    """Refuse requests of pages of other sites, which a browser sends with the cookie.

    Raises:
        Forbidden: the page is of another site, or the request names none.
    """
    try:
        address = urlsplit(configured_url or str(request.base_url))
    except ValueError:  # the host of the request is no host
        raise Forbidden(_FOREIGN_ORIGIN) from None
    if request.headers.get("origin") != f"{address.scheme}://{address.netloc}":
        raise Forbidden(_FOREIGN_ORIGIN)


@router.post("/enroll/start")
async def start_enrolment(data: schemas.ChallengeForm, enrolment: Enrolment) -> AuthenticatorSetup:
    return await enrolment.start(data.challenge_token)


@router.post("/enroll/confirm")
async def confirm_enrolment(
    request: Request, data: schemas.CodeForm, enrolment: Enrolment, completion: SignInCompletion
) -> Any:
    passed = await enrolment.confirm(data.challenge_token, _read_code(request, data))
    if passed.challenge.type == "replace":
        return schemas.RecoveryCodeList(passed.recovery_codes)
    return await completion.complete_enrolment(passed)


@router.post("/verify")
async def verify_code(
    request: Request, data: schemas.CodeForm, factors: SecondFactors, completion: SignInCompletion
) -> WithHeaders[Session]:
    return await completion.complete(await factors.verify_code(data.challenge_token, _read_code(request, data)))


@router.post("/replace")
async def start_replacement(
    request: Request, data: schemas.FactorForm, identity: HumanIdentity, self_service: SelfService
) -> NextStep:
    return await self_service.start_replacement(identity, _read_code(request, data))


@router.post("/recovery/codes")
async def regenerate_recovery_codes(
    request: Request, data: schemas.FactorForm, identity: HumanIdentity, self_service: SelfService
) -> schemas.RecoveryCodeList:
    codes = await self_service.regenerate_recovery_codes(identity, _read_code(request, data))
    return schemas.RecoveryCodeList(codes)


@router.post("/recover")
async def redeem_reset_ticket(data: schemas.ResetForm, enrolment: Enrolment) -> NextStep:
    return await enrolment.redeem_reset_ticket(data.challenge_token, data.reset_token)
