"""Accounts that a directory's users got from Fastback or the reference sign in at the other, with their groups.

Needs the reference itself: `FASTBACK_REFERENCE=…/bin/open-webui pytest tests/both_ways`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from both_ways.installation import REFERENCE, SharedInstallation
from conftest import postgres_database
from ldap_server import PASSWORD, LdapServer
from parity.player import Player
from parity.steps import get, post

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]

_CONFIG = "/api/v1/auths/admin/config/ldap"


async def _sign_in(player: Player, name: str, user: str) -> Any:
    """Sign in with LDAP, and return the session without its token, which is saved for the user `name`."""
    body = {"user": user, "password": PASSWORD.format(user)}
    step = post("anonymous", "/api/v1/auths/ldap", body, save={f"{name}.token": "$.token"})
    answer = await player.play(step)
    assert answer["status"] == 200, answer
    return {key: value for key, value in answer["body"].items() if key not in ("token", "expires_at")}


async def _read(player: Player, who: str, path: str) -> Any:
    answer = await player.play(get(who, path))
    assert answer["status"] == 200, answer
    return answer["body"]


async def _list_group_names(player: Player, who: str) -> list[str]:
    return sorted(group["name"] for group in await _read(player, who, "/api/v1/groups/"))


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_users_of_the_directory_sign_in_at_either_program(
    first: str, second: str, database: str, upstream: str, tmp_path: Path, directory: LdapServer
) -> None:
    async def run_programs(database_url: str) -> None:
        installation = SharedInstallation(tmp_path, upstream, database_url)
        settings = directory.get_settings(enable_group_management=True, enable_group_creation=True)
        async with installation.run_program(first, cast=True) as player:
            for path, body in ((f"{_CONFIG}/server", settings), (_CONFIG, {"enable_ldap": True})):
                assert (await player.play(post("ada", path, body)))["status"] == 200
            anna = await _sign_in(player, "anna", "anna")
            page = await _read(player, "ada", f"{_CONFIG}/server")
        async with installation.run_program(second) as player:
            assert await _read(player, "ada", f"{_CONFIG}/server") == page
            assert (await _read(player, "anna", "/api/v1/auths/"))["id"] == anna["id"]
            assert await _sign_in(player, "anna", "anna") == anna
            mueller = await _sign_in(player, "mueller", "müller")
            groups = await _list_group_names(player, "ada")
        async with installation.run_program(first) as player:
            assert await _sign_in(player, "mueller", "müller") == mueller
            assert await _sign_in(player, "anna", "anna") == anna
            assert await _list_group_names(player, "ada") == groups
            assert groups == ["Board", "Größe+Maß", "Sales, EMEA", "staff"]

    if database == "postgres":
        async with postgres_database() as address:
            await run_programs(address)
    else:
        await run_programs("")
