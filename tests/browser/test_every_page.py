"""Every page of administration and workspace, and every page of settings: each opens, comes to rest, and saves."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import TimeoutError as PageTimeout
from playwright.async_api import expect

from browser.conftest import Tab
from conftest import Person, Server

pytestmark = pytest.mark.browser

ADMIN = (
    "/admin",
    "/admin/users/overview",
    "/admin/users/groups",
    "/admin/evaluations/leaderboard",
    "/admin/evaluations/feedback",
    "/admin/functions",
    "/admin/functions/create",
)
#: Addresses of administration that lead to a page of settings.
SETTINGS = ("/admin/settings", "/admin/analytics")
WORKSPACE = (
    "/workspace",
    "/workspace/models",
    "/workspace/models/create",
    "/workspace/knowledge",
    "/workspace/knowledge/create",
    "/workspace/prompts",
    "/workspace/prompts/create",
    "/workspace/skills",
    "/workspace/skills/create",
    "/workspace/tools",
    "/workspace/tools/create",
)
#: Pages of settings that show figures, or act at once: they have nothing to save.
UNSAVED = {"Notifications", "Keyboard", "Data Controls", "Usage", "Archived Chats", "About"}
UNSAVED_ADMIN = {"Apps", "Pipelines", "Analytics", "Database"}
#: Pages that send nothing where nothing was changed.
SILENT = {"Personalization"}

FUNCTION = """
class Filter:
    def inlet(self, body: dict) -> dict:
        return body
"""
TOOL = '''
class Tools:
    def add(self, a: int, b: int) -> int:
        """
        Add two numbers.
        """
        return a + b
'''


@pytest.fixture
def variables() -> dict[str, str]:
    """What is off by default and has pages of its own is on."""
    return {"ENABLE_API_KEYS": "true", "ENABLE_APPS": "true"}


#: Follows a link that stands nowhere: the page goes on without being loaded anew.
_FOLLOW = """path => {
    const link = Object.assign(document.createElement("a"), {href: path});
    document.body.append(link);
    link.click();
    link.remove();
}"""


async def opened(tab: Tab, site: Server, path: str) -> list[str]:
    """Open a page; what went wrong meanwhile, each with the page."""
    before = len(tab.wrong)
    if tab.page.url.startswith(site.url):
        await tab.page.evaluate(_FOLLOW, path)
    else:
        await tab.page.goto(site.url + path)
    try:
        await tab.settled()
    except TimeoutError as error:
        tab.wrong.append(str(error))
    return [f"{path}: {one}" for one in tab.wrong[before:]]


async def test_pages_of_administration(site: Server, admin: Person, tab: Tab) -> None:
    function = {"id": "calm", "name": "Calm", "content": FUNCTION, "meta": {"description": "", "manifest": {}}}
    (await admin.post("/api/v1/functions/create", function)).ok()
    group = (await admin.post("/api/v1/groups/create", {"name": "Birds", "description": ""})).ok()
    wrong = []
    for path in (*ADMIN, "/admin/functions/edit?id=calm", f"/admin/users/groups?id={group['id']}"):
        wrong += await opened(tab, site, path)
        await expect(tab.page).to_have_url(re.compile(re.escape(site.url + path)))
    for path in SETTINGS:
        wrong += await opened(tab, site, path)
        await expect(tab.page.get_by_role("dialog")).to_be_visible()
    assert not wrong, "\n".join(wrong)


async def test_pages_of_the_workspace(site: Server, admin: Person, tab: Tab) -> None:
    made = await _records(admin)
    wrong = []
    for path in (*WORKSPACE, *made):
        wrong += await opened(tab, site, path)
        await expect(tab.page).to_have_url(re.compile(re.escape(site.url + path)))
    assert not wrong, "\n".join(wrong)


async def _records(admin: Person) -> list[str]:
    """One record of each kind; the pages that show them."""
    model = {"id": "heron", "name": "Heron", "base_model_id": "demo-small", "meta": {}, "params": {}}
    (await admin.post("/api/v1/models/create", model)).ok()
    prompt = {"command": "greet", "name": "Greet", "content": "Hello"}
    made = (await admin.post("/api/v1/prompts/create", prompt)).ok()
    tool = {"id": "adder", "name": "Adder", "content": TOOL, "meta": {"description": "", "manifest": {}}}
    (await admin.post("/api/v1/tools/create", tool)).ok()
    skill = {"id": "walk", "name": "Walk", "description": "How to walk", "content": "Step by step"}
    (await admin.post("/api/v1/skills/create", skill)).ok()
    return [
        "/workspace/models/edit?id=heron",
        f"/workspace/prompts/{made['id']}",
        "/workspace/tools/edit?id=adder",
        "/workspace/skills/edit?id=walk",
    ]


async def test_every_page_of_settings_opens_and_saves(site: Server, admin: Person, tab: Tab) -> None:
    # Somebody who has no API key is told so with 404.
    tab.expected = ("/api/v1/auths/api_key",)
    wrong = await opened(tab, site, "/admin/settings")
    tabs = tab.page.get_by_role("dialog").get_by_role("tab")
    names = [one.strip() for one in await tabs.all_inner_texts()]
    assert len(names) >= 27 and names.count("General") == 2
    administration = names.index("General", 1)
    for place, name in enumerate(names):
        known = UNSAVED if place < administration else UNSAVED_ADMIN
        before = len(tab.wrong)
        try:
            await tabs.nth(place).click()
            await tab.settled()
            if name not in known:
                await _save(tab, name)
        except (PageTimeout, TimeoutError, AssertionError) as error:
            tab.wrong.append(repr(error))
        wrong += [f"{place} {name}: {one}" for one in tab.wrong[before:]]
    assert not wrong, "\n".join(wrong)


async def _save(tab: Tab, name: str) -> None:
    """Press the page's button; something is sent, and what is said about it is good."""
    button = tab.page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).last
    if name == "Models":  # its button waits for another order
        handles = tab.page.locator(".model-item-handle")
        await handles.first.drag_to(handles.last)
        await expect(button).to_be_enabled()
    sent = len(tab.asked)
    await button.click()
    await tab.settled()
    posts = [one for one in tab.asked[sent:] if one.startswith("POST")]
    assert posts or name in SILENT, "nothing was sent"
    complaints = tab.page.locator("[data-sonner-toast][data-type=error]")
    assert await complaints.all_inner_texts() == []
