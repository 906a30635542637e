"""An identity provider that speaks SCIM with a server under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Reply, Server

BASE = "/api/v1/scim/v2"
TOKEN = "scim-token-of-an-identity-provider"
ENVIRONMENT = {"ENABLE_SCIM": "true", "SCIM_TOKEN": TOKEN, "SCIM_AUTH_PROVIDER": "oidc"}
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class IdentityProvider:
    """Sends requests with the SCIM token."""

    def __init__(self, server: Server) -> None:
        from conftest import Person  # scenarios import the constants above, without a server

        self._client = Person(server.url, TOKEN)
        server.people.append(self._client)

    async def request(self, method: str, path: str, json: Any = None, **more: Any) -> Reply:
        return await self._client.request(method, BASE + path, json=json, **more)

    async def get(self, path: str, **query: Any) -> Any:
        """Return the body of a successful request."""
        return (await self.request("GET", path, **query)).ok()

    async def create(self, path: str, body: Any) -> Any:
        reply = await self.request("POST", path, body)
        assert reply.status == 201, reply.text
        assert reply.headers["content-type"].startswith("application/scim+json")
        assert reply.headers["location"] == reply.json["meta"]["location"]
        return reply.json

    async def create_user(self, name: str, /, **more: Any) -> Any:
        """Create a user as most providers do."""
        address = f"{name.lower()}@example.com"
        body = {
            "schemas": [USER],
            "userName": address,
            "displayName": name,
            "emails": [{"value": address, "type": "work", "primary": True}],
            "externalId": f"id-of-{name.lower()}",
            "active": True,
        }
        return await self.create("/Users", {**body, **more})

    async def put(self, path: str, body: Any) -> Any:
        return (await self.request("PUT", path, body)).ok()

    async def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        return (await self.send_patch(path, *operations)).ok()

    async def send_patch(self, path: str, *operations: dict[str, Any]) -> Reply:
        return await self.request("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    async def list_names(self, kind: str, scim_filter: str, **more: Any) -> list[str]:
        """Return the displayed names of the resources that match a filter, sorted."""
        page = await self.get(f"/{kind}", filter=scim_filter, **more)
        assert page["totalResults"] >= page["itemsPerPage"] == len(page["Resources"])
        return sorted(resource["displayName"] for resource in page["Resources"])


def require_error(reply: Reply, status: int, scim_type: str | None = None, detail: str | None = None) -> str:
    """Return the detail of an error; fail unless it has this status, keyword and detail, and the standard's shape."""
    assert reply.status == status, f"{reply.status} instead of {status}: {reply.text[:500]}"
    assert reply.headers["content-type"].startswith("application/scim+json")
    body = reply.json
    assert (body["schemas"], body["status"], body.get("scimType")) == ([ERROR], str(status), scim_type), body
    if detail is not None:
        assert body["detail"] == detail
    return str(body["detail"])
