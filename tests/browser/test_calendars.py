"""Calendars in the real frontend: an event with a reminder is created, and the reminder is shown."""

from __future__ import annotations

import datetime

import pytest
from playwright.async_api import expect

from browser.conftest import Tab
from conftest import Person, Server

pytestmark = pytest.mark.browser


@pytest.fixture
def variables() -> dict[str, str]:
    return {"ENABLE_CALENDAR": "true", "SCHEDULER_POLL_INTERVAL": "1"}


async def test_an_event_reminds_its_creator(site: Server, tab: Tab, admin: Person) -> None:
    page = tab.page
    await page.goto(f"{site.url}/calendar")
    await page.get_by_role("button", name="Create", exact=True).first.click()
    await page.get_by_placeholder("Event title").fill("Dentist")
    dialog = page.get_by_role("dialog")
    begin = datetime.datetime.fromisoformat(
        await page.evaluate("new Date(Date.now() + 10 * 60000 - new Date().getTimezoneOffset() * 60000).toISOString()")
    )
    await dialog.locator("input[type=date]").fill(begin.date().isoformat())
    await dialog.locator("input[type=time]").first.fill(f"{begin:%H:%M}")
    await dialog.locator("input[type=time]").last.fill(f"{begin + datetime.timedelta(minutes=30):%H:%M}")
    await page.get_by_placeholder("Add location").fill("Main St")
    await dialog.get_by_label("Reminder").or_(dialog.locator("select").nth(1)).first.select_option("15")
    await dialog.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_text("Event created")).to_be_visible()
    # The reminder comes with the next look for events that begin soon.
    reminder = page.get_by_text("Starting in")
    await expect(reminder).to_be_visible()
    await expect(reminder).to_contain_text("minutes")
    (calendar,) = [entry for entry in (await admin.get("/api/v1/calendars/")).ok() if not entry["is_system"]]
    (event,) = (await admin.get("/api/v1/calendars/events/search", query="Dentist")).ok()["items"]
    assert event["calendar_id"] == calendar["id"] and event["location"] == "Main St"
    assert event["meta"] == {"alert_minutes": 15, "alerted_at": event["start_at"]}
    # A click on the reminder leads to the calendar, which shows the event.
    await page.goto(site.url)
    await page.goto(f"{site.url}/calendar")
    await expect(page.get_by_text("Dentist").first).to_be_visible()
    assert tab.errors == []
