"""Tool servers of users: the setting that allows them, and pages that reply to calls of their tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import Person
from page_client import Page

Json = dict[str, Any]


async def allow_direct_servers(admin: Person) -> None:
    """Let users have tool servers of their own, which their pages call."""
    url = "/api/v1/configs/connections"
    config = (await admin.get(url)).ok()
    (await admin.post(url, {**config, "ENABLE_DIRECT_INTEGRATIONS": True})).ok()


def reply_to_calls(page: Page, reply: Callable[[Json], Any]) -> list[Json]:
    """Have the page reply to calls of tools; return the list of calls that it gets."""
    calls: list[Json] = []

    def answer(event: Json) -> Any:
        page.record_event(event)
        if event["data"]["type"] in ("execute:tool", "request:terminal", "request:terminal:state"):
            calls.append(event)
            return reply(event["data"])
        return None

    page.socket.on("events", answer)
    return calls
