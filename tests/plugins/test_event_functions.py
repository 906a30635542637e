"""Event functions hear of what happens on the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import Person
from plugin_installation import install_function
from waiting import wait_until

EVENT = """
import json
import pathlib


class Event:
    async def event(self, event, __event__, __event_id__, __event_name__, __id__, **others):
        seen = {
            "event": event,
            "same": [__event__.event, __event__.id, __event__.model_dump()] == [event["event"], event["id"], event],
            "arguments": [__event_id__ == event["id"], __event_name__, __id__],
            "others": sorted(others),
        }
        with pathlib.Path("{path}").open("a") as file:
            file.write(json.dumps(seen) + "\\n")
"""


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_an_event_function_hears_of_operations(ada: Person, tmp_path: Path) -> None:
    path = tmp_path / "events"
    await install_function(ada, "failing", "class Event:\n    def event(self, event):\n        raise Exception('no')\n")
    await install_function(ada, "listening", EVENT.replace("{path}", str(path)))
    (await ada.post("/api/v1/folders/", {"name": "Letters"})).ok()

    def find_folder() -> Any:
        return next((seen for seen in read_lines(path) if seen["event"]["event"] == "folder.created"), None)

    seen = await wait_until(find_folder)
    event = seen["event"]
    assert (event["actor"]["name"], event["subject"]["type"], event["data"]["name"]) == ("Ada", "folder", "Letters")
    assert event["schema"] == "0.12.4"
    assert seen["same"] is True
    assert seen["arguments"] == [True, "folder.created", "listening"]
    assert seen["others"] == ["__app__", "__request__"]


async def test_an_event_function_that_hangs_delays_nobody(ada: Person, tmp_path: Path) -> None:
    hanging = "import asyncio\n\n\nclass Event:\n    async def event(self, event):\n        await asyncio.sleep(3600)\n"
    await install_function(ada, "hanging", hanging)
    for number in range(30):
        (await ada.post("/api/v1/folders/", {"name": f"Folder {number}"})).ok()
    path = tmp_path / "events"
    await install_function(ada, "listening", EVENT.replace("{path}", str(path)))
    (await ada.post("/api/v1/folders/", {"name": "Letters"})).ok()
    await wait_until(lambda: any(seen["event"]["data"].get("name") == "Letters" for seen in read_lines(path)))
