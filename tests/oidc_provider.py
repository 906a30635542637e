"""An OpenID provider for tests: honest by default, and hostile where a test says so."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from conftest import Person, Reply, Server
from stub_server import serve_handler

CLIENT_ID, CLIENT_SECRET = "fastback", "s3cret/with:odd characters"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
LOGOUT_EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@functools.cache
def make_key(kid: str) -> Any:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class FakeProvider:
    """The state of the provider; tests change its attributes.

    Attributes:
        claims: about the person who signs in next; `sub` is in every ID token.
        id_claims: added to the ID token, and replacing what it would have; None removes a claim.
        user_info: the claims of the userinfo endpoint; None: those of `claims`.
        replies: by path, a response instead of the usual one: a status and a body, or a coroutine function.
        metadata: changes of the metadata.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {"sub": "ada-1", "email": "Ada@Example.com", "name": "Ada Lovelace"}
        self.id_claims: dict[str, Any] = {}
        self.user_info: dict[str, Any] | None = None
        self.replies: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.token_fields: dict[str, Any] = {}
        self.keys: list[Any] = [make_key("first")]
        self.published_keys: list[dict[str, Any]] | None = None
        self.algorithm = "RS256"
        #: A public key with which ID tokens are signed as if it were a secret.
        self.secret = ""
        self.header: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.access_tokens: dict[str, dict[str, Any]] = {}

    def list_requests(self, path: str) -> list[dict[str, Any]]:
        """Return the parameters of the requests to a path."""
        return [parameters for requested, parameters in self.requests if requested == path]

    def rotate_keys(self, kid: str = "second") -> None:
        """Sign with another key from now on, and publish it alone."""
        self.keys = [make_key(kid)]

    def sign(self, claims: dict[str, Any], *, key: Any = None, **header: Any) -> str:
        """Return a signed token."""
        key = key or self.keys[0]
        fields = {"alg": self.algorithm, "kid": key.kid, **self.header, **header}
        fields = {name: value for name, value in fields.items() if value is not None}
        registry = JWSRegistry(algorithms=[fields["alg"]], strict_check_header=False)
        return jwt.encode(fields, {k: v for k, v in claims.items() if v is not None}, key, registry=registry)

    def build_logout_token(self, **changes: Any) -> str:
        """Return a logout token for the person."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": uuid.uuid4().hex,
            "events": LOGOUT_EVENT,
            "sub": self.claims["sub"],
            **changes,
        }
        return self.sign(claims)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        parameters = {**request.query, **form, "authorization": request.headers.get("authorization", "")}
        self.requests.append((request.path, parameters))
        reply = self.replies.get(request.path)
        if callable(reply):
            response: web.StreamResponse = await reply(request)
            return response
        if reply is not None:
            status, body = reply
            if isinstance(body, bytes):
                return web.Response(status=status, body=body, content_type="application/json")
            return web.json_response(body, status=status)
        handlers: dict[str, Any] = {
            "/.well-known/openid-configuration": self._describe,
            "/jwks": self._publish_keys,
            "/authorize": self._authorize,
            "/token": self._issue_token,
            "/userinfo": self._describe_person,
            "/introspect": self._introspect,
            "/picture.png": self._send_picture,
        }
        handler = handlers.get(request.path)
        return handler(parameters) if handler else web.Response(status=404)

    def _describe(self, parameters: dict[str, str]) -> web.Response:
        endpoints = {
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "userinfo_endpoint": "/userinfo",
            "jwks_uri": "/jwks",
            "end_session_endpoint": "/logout",
            "introspection_endpoint": "/introspect",
        }
        document = {name: self.url + path for name, path in endpoints.items()}
        document |= {"issuer": self.url, "id_token_signing_alg_values_supported": ["RS256", "ES256"]}
        return web.json_response({**document, **self.metadata})

    def _publish_keys(self, parameters: dict[str, str]) -> web.Response:
        keys = self.published_keys
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys] if keys is None else keys})

    def _authorize(self, parameters: dict[str, str]) -> web.Response:
        code = uuid.uuid4().hex
        self.codes[code] = parameters
        query = urlencode({"code": code, "state": parameters["state"]})
        return web.Response(status=302, headers={"location": f"{parameters['redirect_uri']}?{query}"})

    def _issue_token(self, parameters: dict[str, str]) -> web.Response:
        problem = self._find_problem(parameters)
        if problem:
            return web.json_response({"error": problem, "error_description": "no"}, status=400)
        access_token, refresh_token = f"at-{uuid.uuid4().hex}", f"rt-{uuid.uuid4().hex}"
        self.access_tokens[access_token] = dict(self.claims)
        self.refresh_tokens.add(refresh_token)
        token = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh_token,
            "id_token": self._sign_id_token(self.codes.pop(parameters.get("code", ""), {}).get("nonce")),
        }
        fields = {**token, **self.token_fields}
        return web.json_response({name: value for name, value in fields.items() if value is not None})

    def _find_problem(self, parameters: dict[str, str]) -> str:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        has_secret = parameters.get("client_id") == CLIENT_ID and parameters.get("client_secret") == CLIENT_SECRET
        if parameters["authorization"] != f"Basic {basic}" and not has_secret:
            return "invalid_client"
        if parameters.get("grant_type") == "refresh_token":
            known = parameters.get("refresh_token") in self.refresh_tokens
            self.refresh_tokens.discard(parameters.get("refresh_token", ""))
            return "" if known else "invalid_grant"
        begun = self.codes.get(parameters.get("code", ""))
        if begun is None or begun["redirect_uri"] != parameters.get("redirect_uri"):
            return "invalid_grant"
        challenge = begun.get("code_challenge")
        digest = hashlib.sha256(parameters.get("code_verifier", "").encode()).digest()
        if challenge and challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            return "invalid_grant"
        return ""

    def _sign_id_token(self, nonce: str | None) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 3600, "nonce": nonce, **self.claims}
        claims |= self.id_claims
        return sign_with_secret(claims, self.secret) if self.secret else self.sign(claims)

    def _describe_person(self, parameters: dict[str, str]) -> web.Response:
        claims = self.access_tokens.get(parameters["authorization"].removeprefix("Bearer "))
        if claims is None:
            return web.json_response({"error": "invalid_token"}, status=401)
        return web.json_response(claims if self.user_info is None else self.user_info)

    def _introspect(self, parameters: dict[str, str]) -> web.Response:
        return web.json_response({"active": parameters["token"] in self.access_tokens, "client_id": "mobile-app"})

    def _send_picture(self, parameters: dict[str, str]) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")


def build_environment(provider: FakeProvider, **changes: str) -> dict[str, str]:
    """Return the variables of a server whose users sign in at the provider."""
    return {
        "OPENID_PROVIDER_URL": f"{provider.url}/.well-known/openid-configuration",
        "OAUTH_CLIENT_ID": CLIENT_ID,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "ENABLE_OAUTH_SIGNUP": "true",
        "OAUTH_TIMEOUT": "2",
        **changes,
    }


@asynccontextmanager
async def serve_provider() -> AsyncIterator[FakeProvider]:
    """Run a provider while the context is open."""
    provider: FakeProvider | None = None

    async def handle(request: web.Request) -> web.StreamResponse:
        assert provider is not None
        return await provider.handle(request)

    async with serve_handler(handle) as url:
        provider = FakeProvider(url)
        yield provider


class Browser:
    """A browser: keeps cookies of one server, and follows redirects one at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.set_cookies: dict[str, str] = {}

    async def get(self, url: str) -> Reply:
        """Send a request to the server, with its cookies, or to another one without."""
        is_own = url.startswith(("/", self.url))
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if is_own else {}
        return await self._request("GET", self.url + url if url.startswith("/") else url, headers, is_own)

    async def post(self, path: str, **options: Any) -> Reply:
        """Send a request as a page of the server does."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": cookies, "origin": self.url}
        return await self._request("POST", self.url + path, headers, True, **options)

    async def _request(self, method: str, url: str, headers: dict[str, str], is_own: bool, **options: Any) -> Reply:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(method, url, headers=headers, allow_redirects=False, **options) as response,
        ):
            reply = Reply(response.status, response.headers, await response.read())
        if is_own:
            self.set_cookies = {}
            for line in reply.headers.getall("set-cookie", []):
                name, _, rest = line.partition("=")
                value = rest.partition(";")[0]
                self.set_cookies[name] = line
                self.cookies[name] = value
                if "Max-Age=0" in line:
                    del self.cookies[name]
        return reply

    async def begin(self, provider: str = "oidc") -> str:
        """Begin a sign-in and return the address that the provider sends the browser back to."""
        reply = await self.get(f"/oauth/{provider}/login")
        assert reply.status == 302, reply.text
        reply = await self.get(reply.headers["location"])
        assert reply.status == 302, reply.text
        return str(reply.headers["location"])

    async def sign_in(self, provider: str = "oidc") -> Reply:
        """Sign in and return the last redirect."""
        return await self.get(await self.begin(provider))


def read_error(reply: Reply) -> str:
    """Return the error that the sign-in page shows after a redirect; fail if there is none."""
    assert reply.status == 307, reply.text
    location = urlsplit(reply.headers["location"])
    assert location.path == "/auth"
    return parse_qs(location.query)["error"][0]


def make_foreign_key() -> Any:
    """Return a key that is not published, with the name of one that is."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


def make_curve_key() -> Any:
    return ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})


def sign_with_secret(claims: dict[str, Any], secret: str) -> str:
    """Return a token signed by HMAC with any text, also with a public key, which libraries refuse to do."""
    parts = [json.dumps({"alg": "HS256", "kid": "first"}).encode(), json.dumps(claims).encode()]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), text, "sha256")).rstrip(b"=")
    return (text + b"." + signature).decode()


async def sign_in_as_person(server: Server, browser: Browser, provider: str = "oidc") -> Person:
    """Sign in and return the person; fail if the provider or the server refuses."""
    reply = await browser.sign_in(provider)
    assert reply.headers["location"] == f"{server.url}/auth", reply.headers["location"]
    person = Person(server.url, browser.cookies["token"])
    server.people.append(person)
    person.account = (await person.get("/api/v1/auths/")).ok()
    return person


async def wait_forever(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")
