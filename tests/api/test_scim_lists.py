"""Lists of users and groups over SCIM: pages, filters, selected attributes and searches."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import Person, Server
from fastback.kit.db import Database
from scim_client import ENVIRONMENT, GROUP, USER, IdentityProvider, require_error


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


@pytest.fixture
async def provider(server: Server, ada: Person) -> IdentityProvider:
    """Return an identity provider that has created three users and two groups."""
    provider = IdentityProvider(server)
    await provider.create_user("Grace", name={"givenName": "Grace", "familyName": "Hopper", "formatted": "G. Hopper"})
    await provider.create_user(
        "Katherine",
        emails=[
            {"value": "kj@example.org", "type": "work", "primary": True},
            {"value": "k@home.example", "type": "home", "primary": False},
        ],
        userName="kjohnson",
    )
    user = await provider.create_user("100%_é", userName="per@example.com", emails=[], active=False)
    await provider.create(
        "/Groups", {"displayName": "Computers", "externalId": "c", "members": [{"value": user["id"]}]}
    )
    await provider.create("/Groups", {"displayName": "Astronauts"})
    return provider


G, K, P = "Grace", "Katherine", "100%_é"


USER_FILTERS = [
    ('userName eq "grace@example.com"', [G]),
    ('USERNAME EQ "GRACE@EXAMPLE.COM"', [G]),
    (f'{USER}:userName eq "grace@example.com"', [G]),
    ('userName eq "kjohnson"', [K]),
    ('userName eq "kj@example.org"', [K]),
    ('userName sw "k"', [K]),
    ('userName co "@"', [P, G]),
    ('userName ne "kjohnson"', [P, G]),
    ("userName pr", [P, G, K]),
    ('externalId eq "id-of-grace"', [G]),
    ('externalId eq "ID-of-grace"', []),
    ('externalId eq "id-of-grace" or externalId eq "id-of-katherine"', [G, K]),
    ('externalId co "grace"', [G]),
    ('emails eq "kj@example.org"', [K]),
    ('emails.value eq "K@home.example"', [K]),
    ('emails[value eq "k@home.example"]', [K]),
    ('emails[type eq "home" and value eq "k@home.example"]', [K]),
    ('emails[type eq "home" and value eq "kj@example.org"]', []),
    ('emails[type eq "home"].value eq "k@home.example"', [K]),
    ('emails[not (type eq "work")]', [K]),
    ('emails[value ne "kj@example.org"]', [P, G, K]),
    ('emails.type eq "home"', [K]),
    ('emails co "example.com"', [P, G]),
    ('emails ne "kj@example.org"', [P, G]),
    ('displayName eq "grace"', [G]),
    ('displayName co "%_"', [P]),
    ('displayName co "\\u00e9"', [P]),
    ('displayName ew "E"', [G, K]),
    ('displayName gt "grace"', [K]),
    ('displayName ge "grace" and displayName le "grace"', [G]),
    ('name.familyName eq "hopper"', [G]),
    ('name.formatted sw "G. "', [G]),
    ('name.givenName eq "katherine"', [K]),
    ("active eq false", [P]),
    ("active ne false", [G, K]),
    ("not (active eq true)", [P]),
    ('active eq true and not (displayName sw "K")', [G]),
    ('(displayName eq "Grace" or displayName eq "Katherine") and active eq true', [G, K]),
    ('meta.created gt "2020-01-01T00:00:00Z"', [P, G, K]),
    ('meta.lastModified lt "2020-01-01T00:00:00Z"', []),
    ('meta.resourceType eq "User"', [P, G, K]),
    ('meta.resourceType eq "Group"', []),
    ("photos pr", [P, G, K]),
    ('photos.value ew "user.png"', [P, G, K]),
    ("groups pr", [P]),
    ('groups.display eq "computers"', [P]),
    ("externalId eq null", []),
]
GROUP_FILTERS = [
    ('displayName eq "computers"', ["Computers"]),
    ('displayName co "s"', ["Astronauts", "Computers"]),
    ('displayName lt "b"', ["Astronauts"]),
    ('externalId eq "c"', ["Computers"]),
    ("externalId pr", ["Computers"]),
    ("not (externalId pr)", ["Astronauts"]),
    ("members pr", ["Computers"]),
    ('members.value eq "MEMBER"', ["Computers"]),
    ('members eq "MEMBER"', ["Computers"]),
    ('members[value eq "MEMBER"]', ["Computers"]),
    ('members[value eq "MEMBER" and type eq "User"]', ["Computers"]),
    ('members.display co "100"', ["Computers"]),
    ('not (members eq "MEMBER")', ["Astronauts"]),
    ('members eq "nobody"', []),
    ('id eq "nothing"', []),
]


async def test_filters_of_users_select_what_matches(provider: IdentityProvider) -> None:
    for scim_filter, names in USER_FILTERS:
        assert await provider.list_names("Users", scim_filter) == names, scim_filter
        page = (await provider.request("POST", "/Users/.search", {"filter": scim_filter})).ok()
        assert sorted(user["displayName"] for user in page["Resources"]) == names, scim_filter


async def test_filters_of_groups_select_what_matches(provider: IdentityProvider) -> None:
    (user,) = (await provider.get("/Users", filter="active eq false"))["Resources"]
    for scim_filter, names in GROUP_FILTERS:
        assert await provider.list_names("Groups", scim_filter.replace("MEMBER", user["id"])) == names, scim_filter


async def test_a_user_who_signed_in_before_is_found_by_the_subject(
    server: Server, ada: Person, bob: Person, provider: IdentityProvider
) -> None:
    db = server.services.get(Database)
    text = 'UPDATE "user" SET oauth = :oauth WHERE id = :id'
    await db.execute("test.link", text, oauth='{"oidc": {"sub": "4711"}}', id=bob.id)
    assert await provider.list_names("Users", 'externalId eq "4711"') == ["Bob"]
    # The subject may be a number, which databases compare by other rules.
    await db.execute("test.link", text, oauth='{"oidc": {"sub": 4711}}', id=bob.id)
    assert await provider.list_names("Users", 'externalId eq "4711"') == ["Bob"]
    await provider.put(f"/Users/{bob.id}", {"externalId": "4711"})
    assert (await provider.get(f"/Users/{bob.id}"))["externalId"] == "4711"


async def test_pages_follow_each_other(provider: IdentityProvider) -> None:
    pages = [await provider.get("/Users", startIndex=start, count=1) for start in (1, 2, 3)]
    names = [page["Resources"][0]["displayName"] for page in pages]
    assert sorted(names) == [P, G, K]
    assert [(page["totalResults"], page["itemsPerPage"], page["startIndex"]) for page in pages] == [
        (3, 1, 1),
        (3, 1, 2),
        (3, 1, 3),
    ]
    for query, start, count in (
        ({"startIndex": 4}, 4, 0),
        ({"startIndex": -5, "count": -5}, 1, 0),
        ({"startIndex": 0, "count": 10**9}, 1, 3),
        ({"startIndex": 10**25}, 2**53, 0),
    ):
        page = await provider.get("/Users", **query)
        assert (page["totalResults"], page["startIndex"], len(page["Resources"])) == (3, start, count)
    page = await provider.get("/Users", filter="emails.type pr", startIndex=2, count=1)
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 1, 2)
    page = await provider.get("/Groups", startIndex=2, count=5)
    assert (page["totalResults"], page["itemsPerPage"]) == (2, 1)
    page = await provider.get("/Groups", startIndex=9)
    assert (page["totalResults"], page["itemsPerPage"]) == (2, 0)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"attributes": "userName"}, {"schemas", "id", "userName"}),
        ({"attributes": f"{USER}:USERNAME , emails.value"}, {"schemas", "id", "userName", "emails"}),
        ({"attributes": "nothing"}, {"schemas", "id"}),
        (
            {"excludedAttributes": "meta,groups,photos,name,emails,active"},
            {"schemas", "id", "userName", "displayName", "externalId"},
        ),
    ],
)
async def test_responses_contain_the_selected_attributes(
    provider: IdentityProvider, query: dict[str, str], names: set[str]
) -> None:
    page = await provider.get("/Users", filter='displayName eq "Grace"', **query)
    (user,) = page["Resources"]
    assert set(user) == names
    assert await provider.get(f"/Users/{user['id']}", **query) == user
    if "emails" in names:
        assert user["emails"] == [{"value": "grace@example.com"}]
    reply = await provider.request("PUT", f"/Users/{user['id']}", {"active": True}, **query)
    assert set(reply.ok()) == names


async def test_a_part_of_an_attribute_is_left_out(provider: IdentityProvider) -> None:
    page = await provider.get(
        "/Users", filter='displayName eq "Grace"', excludedAttributes="name.formatted,emails.type"
    )
    (user,) = page["Resources"]
    assert user["name"]["familyName"] == "Hopper" and "formatted" not in user["name"]
    assert user["emails"] == [{"value": "grace@example.com", "primary": True, "display": None}]


async def test_a_search_of_everything_lists_users_before_groups(provider: IdentityProvider) -> None:
    async def search(**body: Any) -> Any:
        return (await provider.request("POST", "/.search", body)).ok()

    everything = await search()
    assert everything["totalResults"] == 5
    kinds = [resource["meta"]["resourceType"] for resource in everything["Resources"]]
    assert kinds == ["User", "User", "User", "Group", "Group"]
    page = await search(startIndex=3, count=2)
    assert [resource["id"] for resource in page["Resources"]] == [
        resource["id"] for resource in everything["Resources"][2:4]
    ]
    page = await search(startIndex=5, count=2, attributes=["displayName"])
    assert [set(resource) for resource in page["Resources"]] == [{"schemas", "id", "displayName"}]
    # An attribute of users has no value in groups.
    found = await search(filter='userName sw "grace" or displayName eq "Computers"')
    assert [resource["displayName"] for resource in found["Resources"]] == ["Grace", "Computers"]
    found = await search(filter='meta.resourceType eq "Group" and displayName sw "a"')
    assert [resource["schemas"] for resource in found["Resources"]] == [[GROUP]]
    only_groups = (await provider.request("POST", "/Groups/.search", {"count": 1, "startIndex": 2})).ok()
    assert (only_groups["totalResults"], only_groups["itemsPerPage"]) == (2, 1)


INVALID_FILTERS = [
    "userName",
    'userName = "x"',
    'userName eq "x',
    "userName eq x",
    'userName eq "x" and',
    '(userName eq "x"',
    'password eq "x"',
    'nickName eq "x"',
    'groups[nothing eq "x"]',
    "active gt true",
    'active eq "perhaps"',
    'meta.created gt "yesterday"',
    'userName[value eq "x"]',
    "userName eq 5",
    "(" * 200 + 'userName eq "x"' + ")" * 200,
    "not (" * 40 + 'userName eq "x"' + ")" * 40,
    " or ".join(['userName eq "x"'] * 201),
    'userName eq "' + "x" * 10_000 + '"',
    "'; DROP TABLE user; --",
    "\ud83d eq 1",
    "☃",
    " ",
]


@pytest.mark.parametrize("path", ["/Users/.search", "/.search"])
async def test_invalid_filters_are_refused(provider: IdentityProvider, path: str) -> None:
    for scim_filter in INVALID_FILTERS:
        reply = await provider.request("POST", path, {"filter": scim_filter})
        if reply.status == 200:  # parentheses nest without a depth; numbers are no texts, and equal none
            assert "userName eq" in scim_filter and reply.json["Resources"] == [], scim_filter
        else:
            require_error(reply, 400, "invalidFilter")


async def test_many_comparisons_are_one_statement(provider: IdentityProvider) -> None:
    addresses = [f'userName eq "{number}@example.com"' for number in range(99)]
    scim_filter = " or ".join([*addresses, 'userName eq "grace@example.com"'])
    assert (await provider.request("POST", "/Users/.search", {"filter": scim_filter})).ok()["totalResults"] == 1


async def test_invalid_parameters_are_refused(provider: IdentityProvider) -> None:
    queries: list[dict[str, Any]] = [
        {"startIndex": "one"},
        {"count": "1.5"},
        {"count": ""},
        {"attributes": "id", "excludedAttributes": "name"},
        {"attributes": "x" * 9000},
        {"attributes": ",".join(["x"] * 300)},
    ]
    for query in queries:
        require_error(await provider.request("GET", "/Users", **query), 400, "invalidValue")
        require_error(await provider.request("POST", "/.search", query), 400, "invalidValue")


async def test_a_filter_of_a_long_query_is_refused_without_delay(provider: IdentityProvider) -> None:
    reply = await asyncio.wait_for(provider.request("GET", "/Users", filter='userName eq "' + "x" * 60_000 + '"'), 5)
    assert 400 <= reply.status < 500
