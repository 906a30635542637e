"""A page that replies to code with an output, as if Pyodide had run it."""

from __future__ import annotations

from typing import Any

from page_client import Page

CODE_CONFIG = "/api/v1/configs/code_execution"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5Erk"
    "Jggg=="
)


def run_in_page(page: Page, output: Any) -> list[Any]:
    """Let a page reply to code with an output; return the list of what it was asked to run."""
    asked: list[Any] = []

    def handle(event: dict[str, Any]) -> Any:
        page.record_event(event)
        if event["data"]["type"] != "execute:python":
            return None
        asked.append(event["data"]["data"])
        return output

    page.socket.on("events", handle)
    return asked
