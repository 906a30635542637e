"""Every page of administration, workspace and settings: each opens, settles, and saves."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import TimeoutError as PageTimeout
from playwright.async_api import expect

from browser.conftest import Tab
from conftest import Person, Server

pytestmark = pytest.mark.browser

PROMPT = "Write a summary in 50 words that summarizes {{topic}}."
OBJECTIVE = "Describe your knowledge base and objectives"

#: Pages, each with text that it shows once it is loaded.
ADMIN = {
    "/admin": "ada@example.com",
    "/admin/users/overview": "ada@example.com",
    "/admin/users/groups": "Birds",
    "/admin/evaluations/leaderboard": "Elo rating system",
    "/admin/evaluations/feedback": "No feedback found",
    "/admin/functions": "Calm",
    "/admin/functions/create": "Save & Create",
    "/admin/functions/edit?id=calm": "Production",
}
#: Addresses of administration that lead to a page of settings.
SETTINGS = ("/admin/settings", "/admin/analytics")
WORKSPACE = {
    "/workspace": "Heron",
    "/workspace/models": "Heron",
    "/workspace/models/create": "Save & Create",
    "/workspace/models/edit?id=heron": "Save & Update",
    "/workspace/knowledge": "Rivers",
    "/workspace/knowledge/create": "Create Knowledge",
    "/workspace/prompts": "Greet",
    "/workspace/prompts/create": "Create Prompt",
    "/workspace/skills": "Walk",
    "/workspace/skills/create": "Save & Create",
    "/workspace/skills/edit?id=walk": "SKILL.md",
    "/workspace/tools": "Adder",
    "/workspace/tools/create": "Save & Create",
    "/workspace/tools/edit?id=adder": "Production",
}
#: Pages that create a record: path, text by placeholder, and the button that creates it.
CREATING = (
    ("/workspace/prompts/create", {"Prompt Name": "Thank", PROMPT: "Thank you"}, "Save"),
    ("/workspace/knowledge/create", {"Name your knowledge base": "Seas", OBJECTIVE: "Salt"}, "Create Knowledge"),
    ("/workspace/tools/create", {"Tool Name": "Sum", "Tool Description": "Sums"}, "Save & Create"),
    ("/workspace/skills/create", {"Skill Name": "Swim", "Skill Description": "How to swim"}, "Save & Create"),
    ("/workspace/models/create", {"Model Name": "Egret"}, "Save & Create"),
    ("/admin/functions/create", {"Function Name": "Still", "Function Description": "Quiet"}, "Save & Create"),
)
#: Pages that change a record: path, placeholder of the changed field, and the button that saves it.
CHANGING = (
    ("/workspace/models/edit?id=heron", "Model Name", "Save & Update"),
    ("/workspace/prompts/{prompt}", "Prompt Name", "Save"),
    ("/workspace/tools/edit?id=adder", "Tool Name", "Save"),
    ("/workspace/skills/edit?id=walk", "Skill Name", "Save"),
    ("/admin/functions/edit?id=calm", "Function Name", "Save"),
)
#: Settings pages that show figures or act at once, and so have nothing to save.
UNSAVED = {"Notifications", "Keyboard", "Data Controls", "Usage", "Archived Chats", "About"}
UNSAVED_ADMIN = {"Apps", "Pipelines", "Analytics", "Database"}
#: Settings pages that send nothing if nothing was changed.
SENDING_NOTHING = {"Personalization"}

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
    """Return variables that enable features with pages of their own."""
    return {"ENABLE_API_KEYS": "true", "ENABLE_APPS": "true"}


#: Follows a link that is not on the page: the frontend navigates without reloading.
_FOLLOW = """path => {
    const link = Object.assign(document.createElement("a"), {href: path});
    document.body.append(link);
    link.click();
    link.remove();
}"""


async def visit(tab: Tab, site: Server, path: str, words: str = "") -> list[str]:
    """Open a page that shows these words, and return the errors that occurred meanwhile, each with the path."""
    before = len(tab.errors)
    if tab.page.url.startswith(site.url):
        await tab.page.evaluate(_FOLLOW, path)
    else:
        await tab.page.goto(site.url + path)
    try:
        if words:
            await expect(tab.page.get_by_text(words).locator("visible=true").first).to_be_visible()
        await tab.wait_until_settled()
    except (TimeoutError, AssertionError) as error:
        tab.errors.append(str(error)[:300])
    return [f"{path}: {message}" for message in tab.errors[before:]]


async def test_pages_of_administration_open(site: Server, admin: Person, tab: Tab) -> None:
    await _create_records(admin)
    errors = []
    for path, words in ADMIN.items():
        errors += await visit(tab, site, path, words)
    for path in SETTINGS:
        errors += await visit(tab, site, path, "Personalization")
        await expect(tab.page.get_by_role("dialog")).to_be_visible()
    assert not errors, "\n".join(errors)


async def test_pages_of_the_workspace_open(site: Server, admin: Person, tab: Tab) -> None:
    records = await _create_records(admin)
    errors = []
    pages = {
        f"/workspace/prompts/{records['prompt']}": "Live",
        f"/workspace/knowledge/{records['knowledge']}": "Access",
    }
    for path, words in (WORKSPACE | pages).items():
        errors += await visit(tab, site, path, words)
    assert not errors, "\n".join(errors)


async def _create_records(admin: Person) -> dict[str, str]:
    """Create one record of each kind, and return the ids that the server chose."""
    model = {"id": "heron", "name": "Heron", "base_model_id": "demo-small", "meta": {}, "params": {}}
    (await admin.post("/api/v1/models/create", model)).ok()
    prompt = (await admin.post("/api/v1/prompts/create", {"command": "greet", "name": "Greet", "content": "Hi"})).ok()
    tool = {"id": "adder", "name": "Adder", "content": TOOL, "meta": {"description": "Short", "manifest": {}}}
    (await admin.post("/api/v1/tools/create", tool)).ok()
    skill = {"id": "walk", "name": "Walk", "description": "How to walk", "content": "Step by step"}
    (await admin.post("/api/v1/skills/create", skill)).ok()
    function = {"id": "calm", "name": "Calm", "content": FUNCTION, "meta": {"description": "Short", "manifest": {}}}
    (await admin.post("/api/v1/functions/create", function)).ok()
    knowledge = (await admin.post("/api/v1/knowledge/create", {"name": "Rivers", "description": "Of water"})).ok()
    group = (await admin.post("/api/v1/groups/create", {"name": "Birds", "description": ""})).ok()
    return {"prompt": prompt["id"], "knowledge": knowledge["id"], "group": group["id"]}


async def test_records_are_created_and_changed_in_their_pages(site: Server, admin: Person, tab: Tab) -> None:
    records = await _create_records(admin)
    page = tab.page
    errors = []
    for path, fields, button in CREATING:
        errors += await visit(tab, site, path, button)
        for placeholder, text in fields.items():
            await page.get_by_placeholder(placeholder, exact=True).last.fill(text)
        if "models" in path:
            await page.get_by_label("Select a base model").click()
            await page.get_by_role("option").filter(has_text="demo-large").click()
        errors += await _press_button(tab, button, f"{path.removesuffix('/create').rpartition('/')[2]}/create")
    for pattern, placeholder, button in CHANGING:
        path = pattern.format(**records)
        errors += await visit(tab, site, path, button)
        field = page.get_by_placeholder(placeholder, exact=True)
        await field.fill(f"{await field.input_value()} again")
        errors += await _press_button(tab, button, "/update")
    assert not errors, "\n".join(errors)


async def _press_button(tab: Tab, button: str, path_end: str) -> list[str]:
    """Press a button and confirm a question if one appears; return the errors, also that no POST to `path_end` came."""
    sent, before = len(tab.requests), len(tab.errors)
    await tab.page.get_by_role("button", name=button).last.click()
    confirm_button = tab.page.get_by_role("button", name="Confirm", exact=True)
    for _ in range(40):
        if any(request.startswith("POST") and request.endswith(path_end) for request in tab.requests[sent:]):
            break
        if await confirm_button.count():
            await confirm_button.last.click()
        await asyncio.sleep(0.1)
    else:
        tab.errors.append(f"{tab.page.url}: {button} did not send {path_end}")
    await tab.wait_until_settled()
    return tab.errors[before:] + await list_error_toasts(tab)


async def list_error_toasts(tab: Tab) -> list[str]:
    """Return the error notifications that the page shows now."""
    return await tab.page.locator("[data-sonner-toast][data-type=error]").all_inner_texts()


async def test_every_page_of_settings_opens_and_saves(site: Server, admin: Person, tab: Tab) -> None:
    # Without an API key the server answers 404, as the reference does.
    tab.expected = ("/api/v1/auths/api_key",)
    errors = await visit(tab, site, "/admin/settings")
    tabs = tab.page.get_by_role("dialog").get_by_role("tab")
    names = [label.strip() for label in await tabs.all_inner_texts()]
    assert len(names) >= 27 and names.count("General") == 2
    administration = names.index("General", 1)
    for index, name in enumerate(names):
        unsaved = UNSAVED if index < administration else UNSAVED_ADMIN
        before = len(tab.errors)
        try:
            await tabs.nth(index).click()
            await tab.wait_until_settled()
            if name not in unsaved:
                await _save_settings(tab, name)
        except (PageTimeout, TimeoutError, AssertionError) as error:
            tab.errors.append(repr(error))
        errors += [f"{index} {name}: {message}" for message in tab.errors[before:]]
    assert not errors, "\n".join(errors)


async def _save_settings(tab: Tab, name: str) -> None:
    """Press the page's save button; check that a request is sent and no error is shown."""
    button = tab.page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).last
    if name == "Models":  # its button is enabled by a changed order
        handles = tab.page.locator(".model-item-handle")
        await handles.first.drag_to(handles.last)
        await expect(button).to_be_enabled()
    sent = len(tab.requests)
    await button.click()
    await tab.wait_until_settled()
    posts = [request for request in tab.requests[sent:] if request.startswith("POST")]
    assert posts or name in SENDING_NOTHING, "nothing was sent"
    assert await list_error_toasts(tab) == []
