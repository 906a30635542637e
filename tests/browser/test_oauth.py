"""Signing in and out at a certified OpenID provider, in the real frontend."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Tab
from certified_provider import serve_certified_provider
from conftest import Person, Server
from fastback.config import Config
from fastback.features.oauth.user_tokens import SignInTokens

pytestmark = pytest.mark.browser


@pytest.fixture
def variables() -> dict[str, str]:
    return {"DEFAULT_USER_ROLE": "user", "ENABLE_OAUTH_BACKCHANNEL_LOGOUT": "true"}


async def _sign_in_at_provider(page: Page, name: str) -> None:
    """Fill in the pages of the provider."""
    await page.locator("input[name=login]").fill(name)
    await page.locator("input[name=password]").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()


def _list_own_errors(site: Server, tab: Tab) -> list[str]:
    """Return the errors of this server's pages; those of the provider load fonts from elsewhere.

    What a page that signs out has asked in this moment is refused.
    """
    refusals = ("401 ", "error: Not authenticated")
    own_errors = [error for error in tab.errors if site.url in error or error.startswith("error:")]
    return [error for error in own_errors if not error.startswith(refusals)]


async def _get_person(site: Server, page: Page) -> Person:
    person = Person(site.url, await page.evaluate("localStorage.token"))
    site.people.append(person)
    person.account = (await person.get("/api/v1/auths/")).ok()
    return person


async def test_a_person_signs_up_out_and_in_again(site: Server, tab: Tab) -> None:
    ada = await site.sign_up("Ada")
    for name in ("chess", "rowing"):
        (await ada.post("/api/v1/groups/create", {"name": name, "description": ""})).ok()
    await site.services.get(Config).set_many({"oauth.enable_group_mapping": True, "ui.enable_login_form": False})
    async with serve_certified_provider(site, groups=["chess", "unknown"]) as provider:
        page = tab.page
        await page.goto(site.url)
        await page.get_by_role("button", name="Continue with Club").click()
        await _sign_in_at_provider(page, "grace")
        await page.locator("#chat-input").wait_for()
        await tab.wait_until_settled()
        grace = await _get_person(site, page)
        assert (grace.account["email"], grace.account["name"]) == ("grace@example.com", "Grace")
        assert grace.account["role"] == "user"
        assert [group["name"] for group in (await grace.get("/api/v1/users/groups")).ok()] == ["chess"]
        token = await site.services.get(SignInTokens).find(grace.id)
        assert token is not None
        # The profile page's menu signs out here, and then at the provider, which tells this server about it.
        await page.get_by_label("User menu").first.click()
        await page.get_by_role("menuitem", name="Sign Out").click()
        await expect(page.get_by_text("Do you want to sign-out")).to_be_visible()
        assert page.url.startswith(provider)
        await page.get_by_role("button", name="Yes, sign me out").click()
        await expect(page.get_by_role("button", name="Continue with Club")).to_be_visible()
        assert page.url.startswith(f"{site.url}/auth")
        (await grace.get("/api/v1/auths/")).refused(401)
        assert await site.services.get(SignInTokens).find(grace.id) is None
        await page.get_by_role("button", name="Continue with Club").click()
        await _sign_in_at_provider(page, "grace")
        await page.locator("#chat-input").wait_for()
        await tab.wait_until_settled()
        again = await _get_person(site, page)
        assert again.id == grace.id
        assert _list_own_errors(site, tab) == []


async def test_a_person_who_declines_comes_back_to_the_page(site: Server, tab: Tab) -> None:
    await site.sign_up("Ada")
    async with serve_certified_provider(site):
        page = tab.page
        await page.goto(site.url)
        await page.get_by_role("button", name="Continue with Club").click()
        await page.get_by_text("[ Cancel ]").click()
        await expect(page.get_by_text("Sign-in with your identity provider failed.")).to_be_visible()
        await expect(page.get_by_role("button", name="Continue with Club")).to_be_visible()
        assert _list_own_errors(site, tab) == []


async def test_the_page_goes_to_the_provider_by_itself(site: Server, tab: Tab) -> None:
    await site.sign_up("Ada")
    await site.services.get(Config).set_many({"oauth.auto_redirect": True, "ui.enable_login_form": False})
    async with serve_certified_provider(site):
        page = tab.page
        await page.goto(site.url)
        await _sign_in_at_provider(page, "grace")
        await page.locator("#chat-input").wait_for()
        await tab.wait_until_settled()
        assert (await _get_person(site, page)).account["email"] == "grace@example.com"
