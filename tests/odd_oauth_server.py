"""An authorization server whose answers tests choose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from conftest import Person
from oauth_servers import Browser, read_query


class OddServer:
    """A tool server that is its own authorization server.

    Attributes:
        metadata: fields of the document that differ from a right one.
        registration: answers a registration.
        authorization: answers a request for an authorization.
        registrations: the bodies of registrations.
        tokens: answers a request for a token, which is recorded in `forms`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.metadata: dict[str, Any] = {}
        self.registration: Callable[[dict[str, Any]], web.Response] = lambda body: web.json_response(
            {**body, "client_id": "c1", "client_secret": "s3cret:+%&"}, status=201
        )
        self.authorization = web.Response
        self.registrations: list[dict[str, Any]] = []
        self.tokens: Callable[[], web.Response | Awaitable[web.Response]] = lambda: web.json_response(
            {"access_token": "a"}
        )
        self.forms: list[tuple[dict[str, str], str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/mcp":
            return web.Response(status=401)
        if request.path == "/.well-known/oauth-authorization-server":
            names = {
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "registration_endpoint": "register",
            }
            urls = {name: f"{self.url}/{path}" for name, path in names.items()}
            return web.json_response({"issuer": self.url, **urls, **self.metadata})
        if request.path == "/register":
            self.registrations.append(await request.json())
            return self.registration(self.registrations[-1])
        if request.path == "/authorize":
            return self.authorization()
        if request.path == "/token":
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.forms.append((form, request.headers.get("authorization", "")))
            reply = self.tokens()
            return reply if isinstance(reply, web.Response) else await reply
        return web.Response(status=404)


async def sign_in(person: Person, odd: OddServer) -> str:
    """Sign in, and return where the browser ends."""
    browser = Browser(person)
    state = read_query(await browser.begin("mcp:odd"))["state"]
    reply = await browser.get(f"{person.url}/oauth/clients/mcp:odd/callback?code=c&state={state}")
    assert reply.status == 307
    return read_query(str(reply.headers["location"])).get("error", "")
