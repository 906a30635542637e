"""Sign-ins at an OpenID provider, step by step: recorded from the reference, to be compared with ours.

`python tests/parity/oauth_recording.py --reference …/bin/open-webui` writes `oauth_sign_ins.json`: the redirects,
cookies and bodies of each step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import PASSWORD, Reply
from fastback.demo.process import run_demo_server as running_upstream
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider
from parity import reference

RECORDED = Path(__file__).with_name("oauth_sign_ins.json")
#: Settings that administrators change have effect at once.
VARIABLES = {
    "ENABLE_OAUTH_PERSISTENT_CONFIG": "true",
    "ENABLE_OAUTH_TOKEN_EXCHANGE": "true",
    "ENABLE_OAUTH_BACKCHANNEL_LOGOUT": "true",
    "OAUTH_CODE_CHALLENGE_METHOD": "S256",
    "OAUTH_PROVIDER_NAME": "Club",
    "OAUTH_AUTHORIZE_PARAMS": '{"prompt": "login"}',
    "WEBUI_AUTH_SIGNOUT_REDIRECT_URL": "https://example.com/bye",
}
CONFIG, EXCHANGE, LOGOUT = (
    "/api/v1/auths/admin/config/oauth",
    "/api/v1/auths/oauth/oidc/token/exchange",
    "/oauth/backchannel-logout",
)
#: Parameters whose values differ from run to run.
_RANDOM = ("state", "nonce", "code_challenge", "id_token_hint")
_SESSION_FIELDS = ("email", "name", "role", "token_type", "profile_image_url")


class Story:
    """Plays the steps against one program, and keeps what it answers."""

    def __init__(self, url: str, provider: FakeProvider) -> None:
        self._url = url
        self._provider = provider
        self.steps: list[dict[str, Any]] = []
        self._admin = Browser(url)

    def _add(self, step: str, answer: Any) -> None:
        self.steps.append({"step": step, "answer": answer})

    def _describe(self, reply: Reply, browser: Browser) -> dict[str, Any]:
        """Return the status, the redirect and the cookies of a response, and its body where it is JSON."""
        described: dict[str, Any] = {
            "status": reply.status,
            "cookies": sorted(map(_describe_cookie, _list_cookies(browser))),
        }
        if "location" in reply.headers:
            described["location"] = self._describe_url(reply.headers["location"])
        elif reply.headers.get("content-type", "").startswith("application/json"):
            described["body"] = self._describe_body(reply.json)
        return described

    def _describe_url(self, url: str) -> dict[str, Any]:
        query = {
            name: "<random>" if name in _RANDOM and value else self._replace_addresses(value)
            for name, value in parse_qsl(urlsplit(url).query)
        }
        return {"url": self._replace_addresses(url.partition("?")[0]), "query": dict(sorted(query.items()))}

    def _replace_addresses(self, text: str) -> str:
        return text.replace(self._provider.url, "<provider>").replace(self._url, "<server>")

    def _describe_body(self, body: Any) -> Any:
        if isinstance(body, dict) and "token" in body:
            return {name: re.sub(r"[0-9a-f-]{36}", "<id>", str(body.get(name))) for name in _SESSION_FIELDS}
        if isinstance(body, dict) and "redirect_url" in body:
            return {**body, "redirect_url": self._describe_url(body["redirect_url"])}
        return body

    async def _configure(self, **settings: Any) -> None:
        await self._request("POST", CONFIG, json=settings)

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {self._admin.cookies['token']}", "cookie": ""}
        reply = await self._admin._request(method, self._url + path, headers, False, **options)
        assert reply.status == 200, f"{method} {path}: {reply.status} {reply.text[:300]}"
        return reply.json

    async def _sign_in(self, step: str, **claims: Any) -> Browser:
        """Sign a person with these claims in, and keep the last redirect, and who they are then."""
        if claims:
            self._provider.claims = claims
        browser = Browser(self._url)
        reply = await browser.sign_in()
        answer = self._describe(reply, browser)
        if "token" in browser.cookies:
            headers = {"authorization": f"Bearer {browser.cookies['token']}"}
            session = await browser._request("GET", f"{self._url}/api/v1/auths/", headers, False)
            groups = await browser._request("GET", f"{self._url}/api/v1/users/groups", headers, False)
            answer["session"] = self._describe_body(session.json)
            answer["groups"] = sorted(group["name"] for group in groups.json) if groups.status == 200 else groups.status
        self._add(step, answer)
        return browser

    async def play(self) -> list[dict[str, Any]]:
        """Return what the program answers to each step."""
        body = {"name": "Root", "email": "root@example.com", "password": PASSWORD}
        reply = await self._admin.post("/api/v1/auths/signup", json=body)
        self._admin.cookies["token"] = reply.json["token"]
        await self._play_redirects()
        await self._play_accounts()
        await self._play_roles_and_groups()
        await self._play_tokens()
        return self.steps

    async def _play_redirects(self) -> None:
        browser = Browser(self._url)
        config = (await browser.get("/api/config")).json
        self._add("the page's configuration", config["oauth"])
        self._add("to the provider", self._describe(await browser.get("/oauth/oidc/login"), browser))
        for path in ("/oauth/google/login", "/oauth/nowhere/callback?code=x"):
            self._add(path, self._describe(await browser.get(path), browser))
        for query in ("", "?code=x", "?code=x&state=forged", "?error=access_denied&error_description=no"):
            other = Browser(self._url)
            self._add(f"back with {query}", self._describe(await other.get(f"/oauth/oidc/callback{query}"), other))
        back = await browser.begin()
        self._add("back", self._describe(await browser.get(back), browser))
        self._add("back again", self._describe(await browser.get(back), browser))

    async def _play_accounts(self) -> None:
        await self._sign_in("a known person", sub="ada-1", email="ada@example.com", name="Ada Lovelace")
        await self._sign_in("a new person", sub="bob", email="Bob@Example.com", name="Bob")
        await self._sign_in("no name", sub="no-name", email="nameless@example.com")
        await self._sign_in("no address", sub="no-address", name="X")
        await self._sign_in("no subject in the token", sub=None, email="x@example.com", name="X")
        self._provider.id_claims = {"nonce": "replayed"}
        await self._sign_in("another nonce", sub="n", email="n@example.com", name="N")
        self._provider.id_claims = {"aud": "another"}
        await self._sign_in("another audience")
        self._provider.id_claims = {"email": None}
        await self._sign_in("claims of the endpoint", sub="endpoint", email="endpoint@example.com", name="E")
        self._provider.id_claims = {}
        await self._sign_in("a taken address", sub="root", email="root@example.com", name="Other Root")
        await self._configure(OAUTH_MERGE_ACCOUNTS_BY_EMAIL=True)
        await self._sign_in("a merged account")
        await self._configure(OAUTH_MERGE_ACCOUNTS_BY_EMAIL=False, ENABLE_OAUTH_SIGNUP=False)
        await self._sign_in("a closed sign-up", sub="late", email="late@example.com", name="Late")
        await self._configure(ENABLE_OAUTH_SIGNUP=True, OAUTH_ALLOWED_DOMAINS="example.org")
        await self._sign_in("another domain")
        await self._configure(OAUTH_ALLOWED_DOMAINS="*")
        await self._configure(OAUTH_UPDATE_NAME_ON_LOGIN=True, OAUTH_UPDATE_EMAIL_ON_LOGIN=True)
        await self._sign_in("a new name", sub="bob", email="robert@example.com", name="Robert")
        await self._configure(OAUTH_UPDATE_NAME_ON_LOGIN=False, OAUTH_UPDATE_EMAIL_ON_LOGIN=False)
        await self._configure(ENABLE_OAUTH=False)
        browser = Browser(self._url)
        self._add("switched off", self._describe(await browser.get("/oauth/oidc/login"), browser))
        self._add("the page's configuration, off", (await browser.get("/api/config")).json["oauth"])
        await self._configure(ENABLE_OAUTH=True)

    async def _play_roles_and_groups(self) -> None:
        await self._configure(
            ENABLE_OAUTH_ROLE_MANAGEMENT=True,
            OAUTH_ROLES_CLAIM="realm.roles",
            OAUTH_ALLOWED_ROLES="staff,7",
            OAUTH_ADMIN_ROLES="boss",
        )
        bob = {"sub": "bob", "email": "robert@example.com", "name": "Robert"}
        named: list[Any] = [["guest"], ["staff"], "x,boss", 7, []]
        for realm in (*({"roles": roles} for roles in named), {}, "x"):
            await self._sign_in(f"realm {realm}", **bob, realm=realm)
        await self._sign_in("a flat claim", **bob, **{"realm.roles": "staff"})
        new = {"sub": "new", "email": "new@example.com", "name": "N"}
        await self._sign_in("a new person with a role", **new, realm={"roles": "boss"})
        await self._configure(ENABLE_OAUTH_ROLE_MANAGEMENT=False, ENABLE_OAUTH_GROUP_MANAGEMENT=True)
        for name in ("chess", "rowing", "secret-1"):
            await self._request("POST", "/api/v1/groups/create", json={"name": name, "description": ""})
        await self._configure(OAUTH_GROUP_CLAIM="club.groups", OAUTH_BLOCKED_GROUPS='["secret-*", "^hidden(x)?$"]')
        staff = {**bob, "realm": {"roles": ["staff"]}}
        await self._sign_in("groups", **staff, club={"groups": ["chess", "secret-1", "unknown"]})
        await self._sign_in("groups in a text", **staff, club={"groups": "rowing;chess"})
        await self._sign_in("no groups", **staff, club={"groups": []})
        await self._configure(ENABLE_OAUTH_GROUP_CREATION=True, OAUTH_GROUP_DEFAULT_SHARE="members")
        await self._sign_in("new groups", **staff, club={"groups": ["rowing", "fresh", "hidden", "secret-2"]})
        groups = await self._request("GET", "/api/v1/groups/")
        fields = ("name", "description", "data", "member_count")
        created = [{field: group[field] for field in fields} for group in groups]
        self._add("the groups", sorted(created, key=lambda group: str(group["name"])))
        await self._configure(ENABLE_OAUTH_GROUP_MANAGEMENT=False)

    async def _play_tokens(self) -> None:
        bob = {"sub": "bob", "email": "robert@example.com", "name": "Robert"}
        browser = await self._sign_in("before the sign-out", **bob)
        users = (await self._request("GET", "/api/v1/users/"))["users"]
        user_id = next(user["id"] for user in users if user["email"] == "robert@example.com")
        sessions = await self._request("GET", f"/api/v1/users/{user_id}/oauth/sessions")
        shapes = {json.dumps({**dict.fromkeys(sorted(row)), "token": sorted(row["token"])}) for row in sessions}
        self._add("sessions at the provider", [row["provider"] for row in sessions][:1] + sorted(shapes))
        self._add("signing out", self._describe(await browser.post("/api/v1/auths/signout"), browser))
        self._add("signing out again", self._describe(await browser.post("/api/v1/auths/signout"), browser))
        await self._play_exchange()
        await self._play_logout()

    async def _play_exchange(self) -> None:
        browser = Browser(self._url)

        async def exchange(step: str, token: str, path: str = EXCHANGE) -> None:
            self._add(step, self._describe(await browser.post(path, json={"token": token}), browser))

        token = list(self._provider.access_tokens)[-1]
        await exchange("an exchange", token)
        await exchange("a forged token", "forged")
        await exchange("an unknown provider", token, EXCHANGE.replace("oidc", "github"))
        for info in ({"email": "x@example.com"}, {"sub": "bob"}, {"sub": "x", "email": "x@example.com"}):
            self._provider.replies["/userinfo"] = (200, info)
            await exchange(f"an exchange for {info}", token)
        await self._configure(ENABLE_OAUTH_ROLE_MANAGEMENT=True)
        self._provider.replies["/userinfo"] = (200, {"sub": "bob", "email": "robert@example.com"})
        await exchange("an exchange without roles", token)
        await exchange("roles of the access token", self._provider.sign({"realm": {"roles": ["staff"]}}))
        await self._configure(ENABLE_OAUTH_ROLE_MANAGEMENT=False)
        del self._provider.replies["/userinfo"]

    async def _play_logout(self) -> None:
        browser = Browser(self._url)
        self._provider.claims = {"sub": "bob", "email": "robert@example.com", "name": "Robert"}
        changes: list[dict[str, Any]] = [
            *({"iss": None}, {"iss": "https://elsewhere.example.com"}, {"events": {}}, {"nonce": "x"}),
            *({"sub": None}, {"sub": "nobody"}, {}),
        ]
        self._add("no logout token", self._describe(await browser.post(LOGOUT), browser))
        tokens = ["garbage", *(self._provider.build_logout_token(**change) for change in changes)]
        for token, label in zip(tokens, ["garbage", *changes], strict=True):
            reply = await browser.post(LOGOUT, data={"logout_token": token})
            self._add(f"logout {label}", self._describe(reply, browser))


def _list_cookies(browser: Browser) -> list[str]:
    """Return the cookies that were set, without that of sign-ins under way, whose lifetime and format differ."""
    return [line for name, line in browser.set_cookies.items() if name != "owui-session"]


def _describe_cookie(line: str) -> str:
    """Return name and attributes of a cookie; whether it is removed instead of its time, and no value."""
    name, *attributes = [part.strip() for part in line.split(";")]
    is_removed = "max-age=0" in line.lower() or "1970" in line
    kept = sorted(text.lower() for text in attributes if not text.lower().startswith(("expires", "max-age")))
    lifetime = [] if is_removed else [text for text in attributes if text.lower().startswith("max-age")]
    state = ["removed"] if is_removed else []
    return "; ".join([name.partition("=")[0], *state, *kept, *map(_round_lifetime, lifetime)])


def _round_lifetime(text: str) -> str:
    """Return a lifetime in whole hours: a session began some seconds ago."""
    return f"{round(int(text.partition('=')[2]) / 3600)} hours"


async def record_reference(executable: str) -> list[dict[str, Any]]:
    """Return what the reference answers."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder, running_upstream() as upstream:
        async with serve_provider() as provider:
            variables = build_environment(provider, **VARIABLES)
            with reference.run_reference(executable, Path(folder), upstream, variables) as served:
                try:
                    return await Story(served.url, provider).play()
                finally:
                    print(served.read_log_tail(), file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reference", default=os.environ.get("FASTBACK_REFERENCE"), help="path of open-webui")
    arguments = parser.parse_args()
    if not arguments.reference:
        parser.error("say where the reference is: --reference, or FASTBACK_REFERENCE")
    steps = asyncio.run(record_reference(arguments.reference))
    RECORDED.write_text(json.dumps(steps, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(steps)} steps")


if __name__ == "__main__":
    main()
