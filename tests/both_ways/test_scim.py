"""Users and groups that an identity provider created by SCIM in one program are found and changed in the other.

Needs the reference itself: `FASTBACK_REFERENCE=…/bin/open-webui pytest tests/both_ways`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from both_ways.installation import REFERENCE, SharedInstallation
from conftest import postgres_database
from parity.player import Player
from parity.steps import NOTHING, Step
from scim_client import BASE, ENVIRONMENT, PATCH, TOKEN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]


async def send(player: Player, method: str, path: str, json: Any = NOTHING, **query: Any) -> Any:
    """Return the body of a successful request of the identity provider."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = await player.play(Step("anonymous", method, BASE + path, json, headers=headers, query=query))
    assert answer["status"] in (200, 201, 204), answer
    return answer["body"]


async def find_user(player: Player, external_id: str) -> Any:
    """Return the only user with an external id."""
    page = await send(player, "GET", "/Users", filter=f'externalId eq "{external_id}"')
    (user,) = page["Resources"]
    assert user["externalId"] == external_id and page["totalResults"] == 1
    return user


async def patch(player: Player, path: str, **values: Any) -> Any:
    operations = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
    return await send(player, "PATCH", path, {"schemas": [PATCH], "Operations": operations})


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_provisioned_users_and_groups_are_interchangeable(
    first: str, second: str, database: str, upstream: str, tmp_path: Path
) -> None:
    async def run_programs(database_url: str) -> None:
        installation = SharedInstallation(tmp_path, upstream, database_url, ENVIRONMENT)
        async with installation.run_program(first, cast=True) as player:
            body = {"userName": "grace@example.com", "displayName": "Grace", "externalId": "é-1", "active": True}
            emails = [{"value": "grace@example.com", "type": "home", "primary": True}]
            grace = await send(player, "POST", "/Users", {**body, "emails": emails})
            group = await send(player, "POST", "/Groups", {"displayName": "Navy", "members": [{"value": grace["id"]}]})
        async with installation.run_program(second) as player:
            user = await find_user(player, "é-1")
            assert (user["id"], user["userName"], user["displayName"]) == (grace["id"], "grace@example.com", "Grace")
            assert [joined["display"] for joined in user["groups"]] == ["Navy"]
            url = f"/Users/{grace['id']}"
            await patch(player, url, externalId="e-2", displayName="Rear Admiral Hopper", active=False)
            await patch(player, url, **{"emails[primary eq true].value": "hopper@example.com"})
            await send(player, "PUT", f"/Groups/{group['id']}", {"displayName": "Fleet", "members": []})
        async with installation.run_program(first) as player:
            user = await find_user(player, "e-2")
            assert user["active"] is False and user["displayName"] == "Rear Admiral Hopper"
            assert (user["userName"], user["emails"][0]["value"]) == ("hopper@example.com", "hopper@example.com")
            shown = await send(player, "GET", f"/Groups/{group['id']}")
            assert (shown["displayName"], shown["members"]) == ("Fleet", [])
            await send(player, "DELETE", f"/Users/{grace['id']}")
        async with installation.run_program(second) as player:
            assert (await send(player, "GET", "/Users"))["totalResults"] == 0

    if database == "postgres":
        async with postgres_database() as address:
            await run_programs(address)
    else:
        await run_programs("")
