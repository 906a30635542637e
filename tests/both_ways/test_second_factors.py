"""People enrolled by one program sign in at the other, and the other completes sign-ins that one has begun."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from authenticator_app import AuthenticatorApp
from both_ways.installation import REFERENCE, SharedInstallation
from conftest import Person, Server, postgres_database
from enrolled_people import MFA, Enrolled, as_person, begin, enrol, post, require_second_factors
from parity.player import SECRET_KEY, Player

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]


async def _compute_code(app: AuthenticatorApp) -> str:
    """Return a code that no program has seen, once a server accepts it."""
    await asyncio.sleep(app.get_waiting_time())
    return app.next_code()


async def _sign_in(server: Server, enrolled: Enrolled, email: str) -> Person:
    token = await begin(server, email, "verify")
    return as_person(server, (await post(server, "/verify", token, code=await _compute_code(enrolled.app))).ok())


def _reset_by_command(program: str, data_dir: Path, database_url: str, email: str) -> str:
    """Run the operator's command of a program, and return the ticket."""
    command = [sys.executable, "-m", "fastback"] if program == "fastback" else [REFERENCE]
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ},
        "DATA_DIR": str(data_dir),
        "WEBUI_SECRET_KEY": SECRET_KEY,
        "HF_HUB_OFFLINE": "1",
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    if program != "fastback":
        env.pop("PYTHONPATH", None)
        env["FROM_INIT_PY"] = "true"  # without it, the command looks for its files elsewhere and fails
    arguments = ["mfa", "reset", email, "--reason", "lost phone"]
    result = subprocess.run(
        [*command, *arguments], cwd=data_dir, env=env, capture_output=True, text=True, check=False, timeout=240
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.strip().splitlines()[-1]


class _Story:
    """What people do at the first program, at the second one, and at the first one again."""

    def __init__(self, first: str, second: str, data_dir: Path, database_url: str) -> None:
        self._programs = (first, second)
        self._data_dir = data_dir
        self._database_url = database_url
        self._people: dict[str, Enrolled] = {}
        self._steps: dict[str, str] = {}
        self._cy_app: AuthenticatorApp | None = None
        self._token: Any = None

    @asynccontextmanager
    async def _open(self, player: Player) -> AsyncIterator[Server]:
        server = Server(player.url, None, "", self._data_dir)
        try:
            yield server
        finally:
            for person in server.people:
                await person.close()

    async def begin(self, server: Server, values: dict[str, Any]) -> None:
        """Require second factors, enrol Ada and Bob, and begin sign-ins of Bob and of Cy, who enrols."""
        account = {"id": values["ada.id"], "email": "ada@example.com", "token": values["ada.token"]}
        self._people["ada"] = await require_second_factors(server, as_person(server, account))
        self._people["bob"] = await enrol(server, "bob@example.com")
        self._token = self._people["bob"].person.token
        self._steps["bob"] = await begin(server, "bob@example.com", "verify")
        self._steps["cy"] = await begin(server, "cy@example.com", "enroll")
        key = (await post(server, "/enroll/start", self._steps["cy"])).ok()["manual_key"]
        self._cy_app = AuthenticatorApp(key)

    async def go_on(self, server: Server) -> None:
        """Complete what the other program has begun, use its codes, sessions and recovery codes."""
        bob, ada = self._people["bob"], self._people["ada"]
        session = as_person(server, {"token": self._token})
        status = {"enabled": True, "required": True, "recovery_codes_remaining": 10}
        assert (await session.get(f"{MFA}/status")).ok() == status
        reply = await post(server, "/verify", self._steps["bob"], code=await _compute_code(bob.app))
        assert (await as_person(server, reply.ok()).get("/api/v1/auths/")).ok()["email"] == "bob@example.com"
        key = (await post(server, "/enroll/start", self._steps["cy"])).ok()["manual_key"]
        assert self._cy_app is not None
        assert AuthenticatorApp(key).code_of_moment(0) == self._cy_app.code_of_moment(0)
        reply = await post(server, "/enroll/confirm", self._steps["cy"], code=await _compute_code(self._cy_app))
        self._people["cy"] = Enrolled(server, self._cy_app, reply.ok())
        token = await begin(server, "ada@example.com", "verify")
        recovery = {"code": ada.recovery_codes[0], "recovery": True}
        ada_again = as_person(server, (await post(server, "/verify", token, **recovery)).ok())
        assert (await ada_again.get(f"{MFA}/status")).ok()["recovery_codes_remaining"] == 9
        # The used code is refused by either program.
        token = await begin(server, "ada@example.com", "verify")
        assert (await post(server, "/verify", token, **recovery)).status == 401

    async def return_to_first(self, server: Server) -> None:
        """Sign in with what the second program changed, and with a ticket of its command."""
        token = await begin(server, "ada@example.com", "verify")
        used = {"code": self._people["ada"].recovery_codes[0], "recovery": True}
        assert (await post(server, "/verify", token, **used)).status == 401
        cy = await _sign_in(server, self._people["cy"], "cy@example.com")
        assert (await cy.get("/api/v1/auths/")).status == 200
        token = await begin(server, "bob@example.com", "recover")
        token = (await post(server, "/recover", token, reset_token=self._steps["ticket"])).ok()["challenge_token"]
        bob = await enrol(server, "bob@example.com", token)
        assert (await bob.person.get("/api/v1/auths/")).status == 200

    async def run(self, installation: SharedInstallation) -> None:
        first, second = self._programs
        async with installation.run_program(first, cast=True) as player, self._open(player) as server:
            await self.begin(server, player.values)
        async with installation.run_program(second) as player, self._open(player) as server:
            await self.go_on(server)
        self._steps["ticket"] = await asyncio.to_thread(
            _reset_by_command, second, self._data_dir, self._database_url, "bob@example.com"
        )
        async with installation.run_program(first) as player, self._open(player) as server:
            await self.return_to_first(server)


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_each_program_knows_the_second_factors_of_the_other(
    first: str, second: str, database: str, upstream: str, tmp_path: Path
) -> None:
    if database == "postgres":
        async with postgres_database() as address:
            story = _Story(first, second, tmp_path, address)
            await story.run(SharedInstallation(tmp_path, upstream, address))
    else:
        await _Story(first, second, tmp_path, "").run(SharedInstallation(tmp_path, upstream, ""))
