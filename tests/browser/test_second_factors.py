"""Second factors in the real frontend: an administrator requires them, enrols, signs in with codes, and recovers."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from authenticator_app import AuthenticatorApp
from browser.conftest import Tab
from browser.test_page import PASSWORD, sign_up
from conftest import Server

pytestmark = pytest.mark.browser

_MFA = "/api/v1/auths/mfa"


async def _enter_password(page: Page) -> None:
    await page.locator("input[type=email]").fill("ada@example.com")
    await page.locator("input[type=password]").first.fill(PASSWORD)
    await page.keyboard.press("Enter")


async def _enter_code(page: Page, code: str) -> None:
    await page.locator("input[autocomplete=one-time-code]").fill(code)
    await page.get_by_role("button", name="Continue").click()


async def _sign_out(page: Page) -> None:
    await page.get_by_label("User menu").first.click()
    await page.get_by_role("menuitem", name="Sign Out").click()
    await page.locator("input[type=email]").wait_for()


async def _keep_recovery_codes(page: Page) -> list[str]:
    """Confirm that the recovery codes are saved, and return them."""
    await page.get_by_text("Save your recovery codes").wait_for()
    codes = re.findall(r"\b[0-9a-f]{32}\b", await page.inner_text("body"))
    await page.get_by_label("I have saved my recovery codes").check()
    await page.get_by_role("button", name="Continue").click()
    return codes


async def test_an_administrator_requires_and_uses_second_factors(site: Server, tab: Tab) -> None:
    page = tab.page
    # The page meets refusals with its ended sessions, and with the wrong code.
    tab.expected = (f"{_MFA}/verify", "/api/v1/auths/")
    await sign_up(page, site.url)
    await page.goto(f"{site.url}/admin/settings/authentication")
    await page.get_by_role("switch", name="Require an authenticator for all users").click()
    await page.get_by_role("button", name="Save").last.click()

    # All sessions have ended, and the next sign-in enrols.
    await page.wait_for_url(f"{site.url}/auth*")
    await page.locator("input[type=email]").wait_for()
    await tab.wait_until_settled(1)
    await _enter_password(page)
    await page.get_by_alt_text("Authenticator setup QR code").wait_for()
    await page.get_by_text("Enter the key manually").click()
    key = re.search(r"\b[A-Z2-7]{32}\b", await page.inner_text("body"))
    assert key is not None
    app = AuthenticatorApp(key[0])
    await _enter_code(page, app.next_code())
    codes = await _keep_recovery_codes(page)
    assert len(set(codes)) == 10
    await page.locator("#chat-input").wait_for()

    await _sign_out(page)
    await _enter_password(page)
    await page.get_by_text("Verify your sign-in").wait_for()
    await _enter_code(page, "000000")
    await expect(page.get_by_text("Invalid or already used code.")).to_be_visible()
    await _enter_code(page, app.next_code())
    await page.locator("#chat-input").wait_for()

    await _sign_out(page)
    await _enter_password(page)
    await page.get_by_text("Use a recovery code").click()
    await _enter_code(page, codes[0])
    await page.locator("#chat-input").wait_for()
    await page.goto(f"{site.url}/?settings=account")
    await expect(page.get_by_text("Authenticator configured")).to_be_visible()
    await tab.wait_until_settled()
    assert tab.errors == []
