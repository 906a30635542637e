"""People with second factors: they enrol an app, and sign in with its codes."""

from __future__ import annotations

from typing import Any

from authenticator_app import AuthenticatorApp
from conftest import PASSWORD, Person, Reply, Server
from fastback.features.second_factors import store
from fastback.features.second_factors.state import FactorState
from fastback.kit.db import Database

MFA = "/api/v1/auths/mfa"
EXPIRED = "This authentication step expired. Please start again."
WRONG_CODE = "Invalid or already used code."
TOO_MANY = "Too many attempts. Please try again later."


class Enrolled:
    """A person with an authenticator app and recovery codes; `session` is the response to the enrolment."""

    def __init__(self, server: Server, app: AuthenticatorApp, session: dict[str, Any]) -> None:
        self.app = app
        self.recovery_codes: list[str] = session["recovery_codes"]
        self.person = as_person(server, session)


def as_person(server: Server, session: dict[str, Any]) -> Person:
    """Return the client of a session."""
    person = Person(server.url, session["token"], session)
    server.people.append(person)
    return person


async def set_policy(admin: Person, **changes: Any) -> dict[str, Any]:
    """Change the administrator's page of settings, and return it as it was saved."""
    config = (await admin.get("/api/v1/auths/admin/config")).ok()
    saved: dict[str, Any] = (await admin.post("/api/v1/auths/admin/config", {**config, **changes})).ok()
    return saved


async def sign_in(server: Server, email: str, password: str = PASSWORD) -> Reply:
    """Do the first step of a sign-in."""
    return await server.stranger().post("/api/v1/auths/signin", {"email": email, "password": password})


async def begin(server: Server, email: str, step: str) -> str:
    """Do the first step of a sign-in, and return the token of the step that must follow."""
    answer = (await sign_in(server, email)).ok()
    assert answer["next_step"] == step and 298 <= answer["expires_in"] <= 300
    assert answer.keys() == {"next_step", "challenge_token", "expires_in"}
    return str(answer["challenge_token"])


async def post(server: Server, path: str, token: str, **fields: Any) -> Reply:
    """Send the token of a step, with further fields."""
    return await server.stranger().post(f"{MFA}{path}", {"challenge_token": token, **fields})


async def enrol(server: Server, email: str, token: str | None = None) -> Enrolled:
    """Enrol a person who signs in, or has begun to: `token` is that of the step."""
    token = token or await begin(server, email, "enroll")
    app = AuthenticatorApp((await post(server, "/enroll/start", token)).ok()["manual_key"])
    session = (await post(server, "/enroll/confirm", token, code=app.next_code())).ok()
    return Enrolled(server, app, session)


async def read_state(server: Server, user_id: str) -> FactorState:
    """Return the stored second factor of a user."""
    account = await store.find_account(server.services.get(Database), user_id)
    assert account is not None and account.state is not None
    return account.state


async def require_second_factors(server: Server, admin: Person) -> Enrolled:
    """Require second factors, and enrol the administrator, whose sessions have ended thereby."""
    assert (await set_policy(admin, ENABLE_MFA=True))["sessions_revoked"] is True
    return await enrol(server, admin.account["email"])
