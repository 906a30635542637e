"""SCIM in an installation of 25,000 provisioned users: lists and filters read neither pictures nor all users."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from loop_holds import measure_holds
from scim_client import ENVIRONMENT, IdentityProvider
from statement_costs import Cost, record_costs

USERS = 25_000
#: Milliseconds for which the event loop may wait.
MAX_HOLD = 30
#: Pages of the database that a statement may look at: the index of provisioned users has a thousand, the table with
#: pictures has twenty times as many. PostgreSQL keeps pictures apart, and scans the table without them.
MAX_PAGES = {"sqlite": 2_500, "postgres": 4_000}
_INSERT_USER = """
    INSERT INTO "user" (id, name, email, role, profile_image_url, scim, last_active_at, updated_at, created_at)
    VALUES (:id, :name, :email, 'user', :picture, :scim, :at, :at, :at)"""
_INSERT_CREDENTIAL = "INSERT INTO auth (id, email, password, active) VALUES (:id, :email, 'none', TRUE)"


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


def make_users() -> list[dict[str, Any]]:
    picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 600
    return [
        {
            "id": f"user-{number:05}",
            "name": f"Person {number} Longname",
            "email": f"person{number}@example.com",
            "picture": picture if number % 4 == 0 else "/user.png",
            "scim": json.dumps({"oidc": {"external_id": f"00u{number}"}}),
            "at": 1_700_000_000 + number,
        }
        for number in range(USERS)
    ]


@pytest.fixture
async def provider(server: Server, ada: Person) -> IdentityProvider:
    users = await asyncio.to_thread(make_users)
    async with server.services.get(Database).transaction(long=True) as tx:
        for start in range(0, USERS, 1000):
            batch = users[start : start + 1000]
            await tx.execute_many("test.insert_users", _INSERT_USER, batch)
            credentials = [{"id": user["id"], "email": user["email"]} for user in batch]
            await tx.execute_many("test.insert_credentials", _INSERT_CREDENTIAL, credentials)
    provider = IdentityProvider(server)
    await provider.get("/Users", filter="userName pr", count=1)  # loads the library
    return provider


def find_excess(costs: list[Cost], database: str) -> list[Cost]:
    """Return the statements of SCIM that look at too many pages, or that hold the event loop."""
    return [cost for cost in costs if cost.pages > MAX_PAGES[database] or (cost.on_loop and cost.visited > 60_000)]


@pytest.mark.timeout(300)
async def test_lists_and_filters_read_what_they_show(database: str, ada: Person, provider: IdentityProvider) -> None:
    with record_costs() as costs:
        page = await provider.get("/Users", count=100)
        assert (page["totalResults"], page["itemsPerPage"]) == (USERS, 100)
        page = await provider.get("/Users", startIndex=20_000, count=1)
        assert page["Resources"][0]["id"] == f"user-{USERS - 20_000:05}"
        for scim_filter, total in (
            ('userName eq "person777@example.com"', 1),
            ('externalId eq "00u777"', 1),
            ('emails.value eq "PERSON777@example.com"', 1),
            ('emails[type eq "work"].value eq "person777@example.com"', 1),
            ('displayName eq "person 777 longname"', 1),
            ('displayName co "son 777"', 11),
            ('displayName sw "person 1" and active eq true', 11_111),
            ('id eq "user-00777"', 1),
            ('meta.created gt "2023-11-15T05:00:00Z"', 599),
        ):
            page = await provider.get("/Users", filter=scim_filter, count=1)
            assert page["totalResults"] == total, scim_filter
    assert costs and find_excess(costs, database) == []


@pytest.mark.timeout(300)
async def test_other_filters_test_users_in_threads(ada: Person, provider: IdentityProvider) -> None:
    with measure_holds() as holds:
        page = await provider.get("/Users", filter='name.familyName ew "77 longname"', count=3)
    assert (page["totalResults"], page["itemsPerPage"]) == (250, 3)
    assert holds.callback < MAX_HOLD, holds.slowest


@pytest.mark.timeout(300)
async def test_members_of_a_large_group_change_without_reading_the_others(
    database: str, ada: Person, provider: IdentityProvider
) -> None:
    members = [{"value": f"user-{number:05}"} for number in range(20_000)]
    group = await provider.create("/Groups", {"displayName": "All", "members": members})
    url = f"/Groups/{group['id']}"
    operations = [
        {"op": "add", "path": "members", "value": [{"value": "user-24000"}]},
        {"op": "remove", "path": 'members[value eq "user-00007"]'},
    ]
    with record_costs() as costs:
        reply = await provider.request("PATCH", url, {"Operations": operations}, excludedAttributes="members")
    assert "members" not in reply.ok()
    assert [cost for cost in costs if cost.returned > 100] == []
    for user_id, names in (("user-24000", ["All"]), ("user-00007", [])):
        scim_filter = f'members eq "{user_id}" and displayName eq "All"'
        assert await provider.list_names("Groups", scim_filter, excludedAttributes="members") == names
    with measure_holds() as holds:
        changed = await provider.put(url, {"members": members[:10_000]})
    assert len(changed["members"]) == 10_000
    assert holds.callback < MAX_HOLD, holds.slowest
