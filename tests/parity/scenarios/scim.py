"""SCIM: an identity provider creates, lists, changes and deletes users and groups."""

from collections.abc import Mapping
from typing import Any

from parity.steps import NOTHING, Step, flatten_steps, get
from scim_client import BASE, ENVIRONMENT, GROUP, PATCH, TOKEN, USER

__all__ = ["ENVIRONMENT", "STEPS"]

_MEDIA_TYPE = "the media type is that of the standard"
_TYPE = ("headers.content-type",)
_ERROR = (*_TYPE, "$.schemas", "$.status", "$.scimType", "$.order", "headers.www-authenticate")
_DISPLAY = tuple(f"$.{path}members[*]{part}" for path in ("", "Resources[*].") for part in (".display", ".order"))


def send(method: str, path: str, json: Any = NOTHING, *, ignore: tuple[str, ...] = (), **more: Any) -> Step:
    """Send a request of the identity provider."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    return Step(
        "anonymous", method, BASE + path, json, headers=headers, ignore=(*_TYPE, *ignore), why=_MEDIA_TYPE, **more
    )


def create(path: str, json: Any, **more: Any) -> Step:
    """Create a resource; its address is also in the header, as the standard wants it."""
    ignore = ("headers.location", *more.pop("ignore", ()))
    return send("POST", path, json, ignore=ignore, **more)


def refuse(method: str, path: str, json: Any = NOTHING, **more: Any) -> Step:
    """Send a request that the reference refuses with a detail alone, and the standard with an error."""
    return send(method, path, json, ignore=_ERROR, **more)


def patch(path: str, *operations: Mapping[str, Any], **more: Any) -> Step:
    return send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **more)


def make_user(name: str, address: str, /, **more: Any) -> dict[str, Any]:
    return {
        "schemas": [USER],
        "userName": address,
        "displayName": name,
        "emails": [{"value": address, "type": "work", "primary": True}],
        "active": True,
        **more,
    }


def _authorize(header: str) -> Step:
    return Step("anonymous", "GET", f"{BASE}/Users", headers={"authorization": header}, ignore=_ERROR, why=_MEDIA_TYPE)


_GRACE = "/Users/${grace}"
_TEAM = "/Groups/${team}"
_ERRORS_OF_FORMS = ("status", *_ERROR)

STEPS = flatten_steps(
    # Authorization.
    Step("anonymous", "GET", f"{BASE}/Users", ignore=_ERROR, why=_MEDIA_TYPE),
    _authorize("Bearer"),
    _authorize(f"Basic {TOKEN}"),
    _authorize("Bearer wrong"),
    Step("ada", "GET", f"{BASE}/Users", ignore=_ERROR, why=_MEDIA_TYPE),
    # Discovery. Lists are wrapped as the standard wants it, and schemas are complete.
    get("anonymous", f"{BASE}/ServiceProviderConfig", ignore=_TYPE, why=_MEDIA_TYPE),
    get("anonymous", f"{BASE}/ResourceTypes", ignore=("$", *_TYPE), why="a list of the standard"),
    get("anonymous", f"{BASE}/Schemas", ignore=("$", *_TYPE), why="a list of the standard, with all attributes"),
    # Users.
    send("GET", "/Users"),
    create(
        "/Users",
        make_user("Grace Hopper", "Grace@Example.com", externalId="g-1"),
        save={"grace": "$.id"},
    ),
    send("GET", _GRACE),
    create("/Users", make_user("Second", "second@example.com", active=False), save={"second": "$.id"}, pause=1.1),
    create(
        "/Users",
        make_user(
            "Katherine Johnson",
            "katherine@example.com",
            name={"givenName": "Katherine", "familyName": "Johnson"},
            photos=[{"value": "https://example.com/k.png"}],
            externalId="k-1",
            title="Dr.",
            password="ignored",
        ),
        save={"katherine": "$.id"},
        pause=1.1,
    ),
    get("ada", "/api/v1/users/${grace}"),
    get("ada", "/api/v1/users/${katherine}"),
    refuse("POST", "/Users", make_user("Again", "other@example.com", externalId="g-1")),
    refuse("POST", "/Users", make_user("Again", "GRACE@example.com")),
    refuse("POST", "/Users", make_user("Bob", "bob@example.com")),
    send("POST", "/Users", {"displayName": "x"}, ignore=_ERRORS_OF_FORMS),
    send("POST", "/Users", make_user("x", "x@example.com", emails=None), ignore=_ERRORS_OF_FORMS),
    send("POST", "/Users", make_user("x", "x@example.com", active="perhaps"), ignore=_ERRORS_OF_FORMS),
    send("GET", "/Users"),
    send("GET", "/Users", query={"startIndex": 2, "count": 1}),
    send("GET", "/Users", query={"startIndex": 0, "count": 1000}),
    send("GET", "/Users", query={"startIndex": -3, "count": -3}),
    send("GET", "/Users", query={"startIndex": 100}),
    send("GET", "/Users", query={"count": "many"}, ignore=_ERRORS_OF_FORMS),
    send("GET", "/Users", query={"filter": 'userName eq "grace@example.com"'}),
    send("GET", "/Users", query={"filter": 'userName eq "GRACE@example.com"'}),
    send("GET", "/Users", query={"filter": 'userName eq "ada@example.com"'}),
    send("GET", "/Users", query={"filter": 'externalId eq "k-1"'}),
    send("GET", "/Users", query={"filter": 'externalId eq "nothing"'}),
    send("GET", "/Users/nothing"),
    send("GET", "/Users/${bob.id}"),
    # Replacement.
    send("PUT", _GRACE, {"schemas": [USER], "displayName": "Rear Admiral Hopper"}),
    send("PUT", _GRACE, {"userName": "hopper@example.com"}),
    send("PUT", _GRACE, {"name": {"formatted": "Grace Brewster Hopper"}}),
    send("PUT", _GRACE, {"name": {"givenName": "Grace", "familyName": "Hopper"}}),
    send("PUT", _GRACE, {"emails": [{"value": "grace@example.org"}], "externalId": "g-2"}),
    send("PUT", _GRACE, {"photos": [{"value": "https://example.com/g.png"}], "active": False}),
    send("PUT", _GRACE, {"active": True}),
    send("PUT", _GRACE, {}),
    refuse("PUT", "/Users/nothing", {}),
    refuse("PUT", "/Users/${bob.id}", {}),
    send("PUT", _GRACE, {"userName": 5}, ignore=_ERRORS_OF_FORMS),
    # Patches.
    patch(_GRACE, {"op": "replace", "path": "active", "value": False}),
    patch(_GRACE, {"op": "Replace", "value": {"active": True, "displayName": "Amazing Grace"}}),
    patch(_GRACE, {"op": "replace", "path": "userName", "value": "grace@example.com"}),
    patch(_GRACE, {"op": "replace", "path": "emails[primary eq true].value", "value": "hopper@example.com"}),
    patch(_GRACE, {"op": "replace", "path": "name.formatted", "value": "Grace Hopper"}),
    patch(_GRACE, {"op": "add", "path": "externalId", "value": "g-3"}),
    patch(_GRACE, {"op": "remove", "path": "externalId"}),
    patch(_GRACE),
    patch(_GRACE, {"op": "remove"}),
    patch(_GRACE, {"op": "remove", "path": "userName"}),
    patch(_GRACE, {"op": "move", "path": "userName"}),
    patch(_GRACE, {"op": "replace", "path": "nickName", "value": "x"}),
    patch(_GRACE, {"op": "replace", "path": "active", "value": 5}),
    patch(_GRACE, {"op": "replace", "path": "displayName", "value": 5}),
    patch(_GRACE, {"op": "replace", "path": "externalId", "value": 5}),
    patch(_GRACE, {"op": "replace", "value": "x"}),
    patch(_GRACE, {"op": "replace", "value": {}}),
    patch(_GRACE, {"op": "replace", "path": "displayName", "value": "Kept"}, {"op": "remove", "path": "active"}),
    send("GET", _GRACE),
    refuse("PATCH", "/Users/nothing", {"Operations": []}),
    send("PATCH", _GRACE, {}, ignore=_ERRORS_OF_FORMS),
    # An administrator keeps the role.
    Step("ada", "POST", "/api/v1/users/${second}/update", {"role": "admin"}),
    patch("/Users/${second}", {"op": "replace", "path": "active", "value": False}),
    refuse("DELETE", "/Users/${second}"),
    # Groups.
    send("GET", "/Groups"),
    create("/Groups", {"schemas": [GROUP], "displayName": "Team"}, save={"team": "$.id"}),
    create(
        "/Groups",
        {"displayName": "Crew", "members": [{"value": "${grace}", "type": "User"}]},
        save={"crew": "$.id"},
        ignore=_DISPLAY,
        pause=1.1,
    ),
    get("ada", "/api/v1/groups/id/${crew}"),
    send("GET", _GRACE),
    send("POST", "/Groups", {"displayName": "x", "members": [{"value": "nobody"}]}),
    send("POST", "/Groups", {"displayName": "x", "members": [{"value": "${crew}", "type": "Group"}]}),
    send("POST", "/Groups", {"members": []}, ignore=_ERRORS_OF_FORMS),
    send("GET", "/Groups", ignore=_DISPLAY),
    send("GET", "/Groups", query={"startIndex": 2, "count": 1}, ignore=_DISPLAY),
    send("GET", "/Groups", query={"count": 0}, ignore=_DISPLAY),
    send("GET", "/Groups", query={"filter": 'displayName eq "Crew"'}, ignore=_DISPLAY),
    send("GET", "/Groups", query={"filter": 'displayName eq "Nothing"'}),
    send("GET", "/Groups/${crew}", ignore=_DISPLAY),
    refuse("GET", "/Groups/nothing"),
    send("PUT", _TEAM, {"displayName": "Team A", "members": [{"value": "${bob.id}"}]}, ignore=_DISPLAY),
    send("PUT", _TEAM, {"displayName": "Team B"}, ignore=_DISPLAY),
    send("PUT", _TEAM, {"members": []}),
    send("PUT", _TEAM, {"members": [{"value": "nobody"}]}),
    refuse("PUT", "/Groups/nothing", {"displayName": "x"}),
    patch(_TEAM, {"op": "add", "path": "members", "value": [{"value": "${bob.id}"}]}, ignore=_DISPLAY),
    patch(
        _TEAM,
        {"op": "replace", "path": "members", "value": [{"value": "${grace}"}, {"value": "${katherine}"}]},
        ignore=("$.members",),
    ),
    patch(_TEAM, {"op": "remove", "path": 'members[value eq "${grace}"]'}, ignore=_DISPLAY),
    patch(_TEAM, {"op": "replace", "path": "displayName", "value": "Team"}, ignore=_DISPLAY),
    patch(_TEAM, {"op": "add", "path": "members", "value": [{"value": "nobody"}]}),
    patch(_TEAM, {"op": "add", "path": "members", "value": "${bob.id}"}),
    patch(_TEAM, {"op": "add", "path": "members", "value": [{"display": "Bob"}]}),
    patch(_TEAM, {"op": "add", "path": "members", "value": [{"value": "${crew}", "type": "Group"}]}),
    refuse("PATCH", "/Groups/nothing", {"Operations": []}),
    send("GET", _TEAM, ignore=_DISPLAY),
    # Deletion.
    send("DELETE", _TEAM),
    refuse("DELETE", _TEAM),
    send("DELETE", _GRACE),
    refuse("DELETE", _GRACE),
    refuse("DELETE", "/Users/${bob.id}"),
    send("GET", "/Groups/${crew}", ignore=_DISPLAY),
    send("GET", "/Users"),
)
