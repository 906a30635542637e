"""Administration of users and groups, and the pages that a user sees, in the real frontend."""

from __future__ import annotations

import pytest

from browser.conftest import Tab
from browser.test_every_page import list_error_toasts, visit
from conftest import PASSWORD, Person, Server

pytestmark = pytest.mark.browser

#: Pages of the workspace that a user may be allowed to open, with text of the page that creates a record.
CREATE_PAGES = {
    "models": "Save & Create",
    "knowledge": "Create Knowledge",
    "prompts": "Create Prompt",
    "skills": "Save & Create",
    "tools": "Save & Create",
}


async def _sign_in_tab(tab: Tab, person: Person) -> Person:
    (await person.post("/api/v1/users/user/settings/update", {"ui": {"version": "0.12.4"}})).ok()
    await tab.page.add_init_script(f"localStorage.token = '{person.token}'")
    return person


async def test_users_and_groups_are_managed(site: Server, tab: Tab) -> None:
    ada = await _sign_in_tab(tab, await site.sign_up("Ada"))
    bob = await site.add_user(ada, "Bob")
    group = (await ada.post("/api/v1/groups/create", {"name": "Birds", "description": ""})).ok()
    page, dialog = tab.page, tab.page.get_by_role("dialog")
    errors = await visit(tab, site, "/admin/users/overview", "bob@example.com")

    await page.get_by_role("button", name="Add User").click()
    await page.get_by_placeholder("Enter Your Full Name").fill("Cy")
    await page.get_by_placeholder("Enter Your Email").fill("cy@example.com")
    await page.get_by_placeholder("Enter Your Password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_text("cy@example.com").wait_for()
    row = page.get_by_role("row").filter(has_text="bob@example.com")
    await row.get_by_role("button", name="Edit User").click()
    await page.get_by_placeholder("Enter Your Name").fill("Robert")
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_text("Robert").first.wait_for()
    for button in ("Preview Access", "Chats"):
        await row.get_by_role("button", name=button, exact=True).click()
        await dialog.wait_for()
        await tab.wait_until_settled()
        await page.keyboard.press("Escape")
        await dialog.wait_for(state="detached")
    await page.get_by_role("row").filter(has_text="cy@example.com").get_by_role("button", name="Delete User").click()
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_text("cy@example.com").wait_for(state="detached")

    errors += await visit(tab, site, "/admin/users/groups", "Birds")
    await page.get_by_text("New Group").click()
    await page.get_by_placeholder("Group Name").fill("Fish")
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_text("Fish").first.wait_for()
    await page.get_by_text("Birds", exact=True).last.click()
    for part in ("Permissions", "Users", "Preview", "General"):
        await dialog.get_by_role("button", name=part, exact=True).click()
        await tab.wait_until_settled()
    await page.get_by_placeholder("Group Name").fill("Herons")
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_text("Herons").first.wait_for()
    await page.get_by_text("Default permissions").click()
    await dialog.get_by_role("button", name="Save").last.click()
    await page.get_by_text("Default permissions updated successfully").wait_for()

    assert not tab.errors, "\n".join(tab.errors)
    assert await list_error_toasts(tab) == [] and errors == []
    names = [listed_group["name"] for listed_group in (await ada.get("/api/v1/groups/")).ok()]
    assert sorted(names) == ["Fish", "Herons"] and group["id"]
    assert (await bob.get("/api/v1/auths/")).ok()["name"] == "Robert"


async def test_pages_that_a_user_sees(site: Server, tab: Tab) -> None:
    """Open the workspace with all permissions that a user may have, and the settings pages of users."""
    ada = await site.sign_up("Ada")
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["workspace"] = dict.fromkeys(permissions["workspace"], True)
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    await _sign_in_tab(tab, await site.add_user(ada, "Bob"))
    errors = []
    for section in CREATE_PAGES:
        errors += await visit(tab, site, f"/workspace/{section}", section.title())
        errors += await visit(tab, site, f"/workspace/{section}/create", CREATE_PAGES[section])
    # A user who opens the administration is redirected to the start page.
    errors += await visit(tab, site, "/admin/users/overview")
    await tab.page.wait_for_url(f"{site.url}/")
    errors += await visit(tab, site, "/?settings=general", "Personalization")
    tabs = tab.page.get_by_role("dialog").get_by_role("tab")
    for index in range(await tabs.count()):
        await tabs.nth(index).click()
        await tab.wait_until_settled()
    assert not (errors + tab.errors), "\n".join(tab.errors)
