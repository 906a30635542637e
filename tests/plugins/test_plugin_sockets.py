"""Plugins send events of their own to pages, through `sio` of `open_webui.socket.main`."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person
from page_client import Page, open_page
from plugin_probe import run_in_plugin
from queued_model import QueuedModel
from waiting import wait_until

IMPORTS = "from open_webui.socket.main import *\nfrom open_webui.socket.main import sio, SESSION_POOL"


def record(page: Page, event: str) -> list[Any]:
    """Return a list that gets what the page receives of an event; it replies with the number of these."""
    received: list[Any] = []

    def handle(*data: Any) -> dict[str, int]:
        received.extend(data)
        return {"count": len(received)}

    page.socket.on(event, handle)
    return received


async def test_events_go_to_users_sockets_rooms_and_everybody(ada: Person, bob: Person, model: QueuedModel) -> None:
    async with open_page(ada) as page, open_page(bob) as other:
        mine, theirs = record(page, "news"), record(other, "news")
        own_sid, other_sid = page.socket.get_sid(), other.socket.get_sid()
        code = f"""
            await sio.emit("news", {{"number": 1}}, room=f"user:{{user['id']}}")
            sio.emit("news", {{"number": 2}}, to="{own_sid}")
            await sio.emit("news", "three")
            await sio.emit("news", 4, skip_sid="{own_sid}")
            await emit_to_users("news", [5], [user["id"], "{bob.id}"])
            sio.enter_room("{other_sid}", "party")
            await enter_room_for_users("party", [user["id"]])
            await sio.emit("news", 6, room="party")
            await sio.leave_room("{own_sid}", "party")
            await sio.emit("news", 7, room="party")
            rooms = sio.rooms("{other_sid}")
            members = [get_session_ids_from_room("party"), await get_user_ids_from_room("party")]
            await sio.close_room("party")
            await sio.emit("news", 8, room="party")
            return [rooms, *members]
            """
        rooms, sids, user_ids = await run_in_plugin(ada, model, code, imports=IMPORTS)
        await wait_until(lambda: len(mine) == 5 and len(theirs) == 5)
    assert mine == [{"number": 1}, {"number": 2}, "three", [5], 6]
    assert theirs == ["three", 4, [5], 6, 7]
    assert {other_sid, f"user:{bob.id}", "party"} <= set(rooms)
    assert (sids, user_ids) == ([other_sid], [bob.id])


async def test_a_page_replies_to_a_plugin(ada: Person, model: QueuedModel) -> None:
    async with open_page(ada) as page:
        record(page, "question")
        page.socket.on("silence", lambda data: asyncio.sleep(30))
        sid = page.socket.get_sid()
        code = f"""
            first = await sio.call("question", {{"a": 1}}, to="{sid}")
            second = sio.call("question", {{"a": 1}}, sid="{sid}")
            try:
                await sio.call("silence", None, to="{sid}", timeout=0.2)
            except Exception as error:
                late = str(error)
            try:
                sio.start_background_task
            except AttributeError as error:
                missing = str(error)
            known = [SESSION_POOL.get("{sid}")["name"], get_user_id_from_session_pool("x"), len(SESSION_POOL)]
            return [first, second, late, missing, known, get_session_ids_by_user_ids([user["id"]])]
            """
        first, second, late, missing, known, sids = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert (first, second) == ({"count": 1}, {"count": 2})
    assert late == f"socket {sid} did not reply within 0.2 s"
    assert missing == "Fastback does not offer sio.start_background_task to plugins"
    assert (known, sids) == (["Ada", None, 1], [sid])
