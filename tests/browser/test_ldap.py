"""Signing in with LDAP, and its settings, in the real frontend."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

import ldap_server
from browser.conftest import Tab
from conftest import Person, Server
from ldap_server import LdapServer

pytestmark = pytest.mark.browser


@pytest.fixture
def variables() -> dict[str, str]:
    return {"DEFAULT_USER_ROLE": "user", "ENABLE_LDAP": "true"}


async def test_a_user_of_the_directory_signs_in(site: Server, tab: Tab, directory: LdapServer) -> None:
    ada = await site.sign_up("Ada")
    (await ada.post("/api/v1/auths/admin/config/ldap/server", directory.get_settings())).ok()
    page = tab.page
    tab.expected = ("/api/v1/auths/ldap",)
    await page.goto(site.url)
    await page.locator("#username").fill("anna")
    await page.locator("input[type=password]").first.fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Authentication failed.")).to_be_visible()
    await page.locator("input[type=password]").first.fill(ldap_server.PASSWORD.format("anna"))
    await page.keyboard.press("Enter")
    await page.locator("#chat-input").wait_for()
    await tab.wait_until_settled()
    session = await page.evaluate("localStorage.token")
    anna = Person(site.url, session)
    site.people.append(anna)
    assert (await anna.get("/api/v1/auths/")).ok()["email"] == "anna@example.org"
    assert tab.errors == []


async def test_the_page_of_settings_saves_the_directory(
    site: Server, tab: Tab, admin: Person, directory: LdapServer
) -> None:
    page = tab.page
    settings = directory.get_settings()
    (await admin.post("/api/v1/auths/admin/config/ldap/server", settings)).ok()
    await page.goto(f"{site.url}/admin/settings/authentication")
    host = page.get_by_placeholder("Enter server host")
    await host.wait_for()
    await tab.wait_until_settled()
    await expect(host).to_have_value("localhost")
    await host.fill("127.0.0.1")
    async with page.expect_response(lambda response: response.url.endswith("/admin/config/ldap/server")) as saved:
        await page.get_by_role("button", name="Save").last.click()
    assert (await saved.value).status == 200
    stored = (await admin.get("/api/v1/auths/admin/config/ldap/server")).ok()
    assert stored == {**stored, **settings, "host": "127.0.0.1"}
    credentials = {"user": "anna", "password": ldap_server.PASSWORD.format("anna")}
    (await site.stranger().post("/api/v1/auths/ldap", credentials)).ok()
    assert tab.errors == []
