"""A client that one program registered, and a user's session, are used by the other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from both_ways.installation import REFERENCE, SharedInstallation
from conftest import Person
from oauth_servers import Browser, OAuthMcpServer, build_connection, connect, is_authenticated, register
from parity.player import Player

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REFERENCE, reason="FASTBACK_REFERENCE is not set"),
]

CLIENT = "mcp:birds"


def get_person(player: Player, name: str) -> Person:
    return Person(player.url, player.values[f"{name}.token"], {"id": player.values[f"{name}.id"]})


async def list_tools(person: Person) -> list[str]:
    specs = (await person.get("/api/v1/tools/id/server:mcp:birds/specs")).ok()["specs"]
    return [spec["name"] for spec in specs]


@pytest.mark.parametrize(("first", "second"), [("fastback", "reference"), ("reference", "fastback")])
async def test_clients_and_sessions_are_interchangeable(first: str, second: str, tmp_path: Path, upstream: str) -> None:
    installation = SharedInstallation(tmp_path, upstream, "")
    birds = OAuthMcpServer()
    birds.provider.lifetime = 100  # so little that each use renews the token
    async with birds.run():
        async with installation.run_program(first, cast=True) as player:
            ada, bob = get_person(player, "ada"), get_person(player, "bob")
            await connect(ada, build_connection("birds", birds.url, await register(ada, "birds", birds.url)))
            birds.provider.subject = "bob@birds"
            assert await Browser(bob).sign_in(CLIENT) == player.url
            first_url = player.url
            await ada.close()
            await bob.close()
        async with installation.run_program(second) as player:
            bob, cy = get_person(player, "bob"), get_person(player, "cy")
            count = birds.provider.refresh_count
            assert await is_authenticated(bob, "birds") and await list_tools(bob) == ["who"]
            assert birds.provider.refresh_count > count
            assert not await is_authenticated(cy, "birds")
            browser = Browser(cy)
            back = await browser.consent(await browser.begin(CLIENT))
            assert (await browser.get(back.replace(first_url, player.url))).headers["location"] == player.url
            assert await is_authenticated(cy, "birds")
            assert len(birds.provider.clients) == 1, "the client was not registered again"
            await bob.close()
            await cy.close()
        async with installation.run_program(first) as player:
            for name in ("bob", "cy"):
                person = get_person(player, name)
                assert await list_tools(person) == ["who"], name
                await person.close()
