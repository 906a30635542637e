"""A page without a browser: a socket that signs in and hears the events, and the requests a page makes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import socketio

from conftest import Person


class Page:
    """One open tab."""

    def __init__(self, person: Person, socket: Any) -> None:
        self.person = person
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def record_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._news.set()

    def list_data(self, kind: str, **where: Any) -> list[Any]:
        """The data of the events of a kind."""
        return [
            one["data"].get("data")
            for one in self.events
            if one["data"]["type"] == kind and all(one.get(key) == value for key, value in where.items())
        ]

    async def wait_for(self, kind: str, check: Any = None, timeout: float = 10) -> Any:
        """Wait for an event of a kind (for which `check` holds); its data."""

        async def wait() -> Any:
            while True:
                for data in self.list_data(kind):
                    if check is None or check(data):
                        return data
                self._news.clear()
                await self._news.wait()

        return await asyncio.wait_for(wait(), timeout)

    async def wait_until_idle(self, timeout: float = 15) -> None:
        """Wait until the chat is no longer active."""
        await self.wait_for("chat:active", lambda data: not data["active"], timeout)

    def build_body(self, text: str, **more: Any) -> dict[str, Any]:
        """The body of a question, as the page sends it; a new chat unless `chat_id` and `parent_id` say otherwise."""
        question, answer = str(uuid.uuid4()), str(uuid.uuid4())
        models = more.pop("models", ["demo-small"])
        places = [
            {"model_id": model, "message_id": answer if number == 0 else str(uuid.uuid4()), "modelIdx": number}
            for number, model in enumerate(models)
        ]
        parent = more.pop("parent_id", None)
        return {
            "stream": True,
            "model": models[0],
            "params": {"model_controls": {}},
            "session_id": self.socket.get_sid(),
            "id": answer,
            "message_ids": places,
            "parent_id": parent,
            "user_message": {
                "id": question,
                "parentId": parent,
                "childrenIds": [place["message_id"] for place in places],
                "role": "user",
                "content": text,
                "timestamp": 1700000000,
                "models": models,
            },
            "background_tasks": {},
            **more,
        }

    async def ask(self, text: str, **more: Any) -> dict[str, Any]:
        """Ask, and wait for the end; the answer to the request, with the ids that were sent."""
        body = self.build_body(text, **more)
        started = (await self.person.post("/api/chat/completions", body)).ok()
        await self.wait_until_idle()
        return {**started, "question": body["user_message"]["id"], "answer": body["id"]}

    async def get_chat(self, chat_id: str) -> Any:
        return (await self.person.get(f"/api/v1/chats/{chat_id}")).ok()


async def close_socket(socket: socketio.AsyncClient) -> None:
    """Close a socket as a tab is closed: one that polls waits for no answer to its last question."""
    leaving = asyncio.create_task(socket.disconnect())
    if socket.connected and socket.transport() == "polling":
        await asyncio.sleep(0.05)  # the server is told first
        await socket.eio.http.close()
    await leaving


@asynccontextmanager
async def open_page(person: Person, transport: str = "websocket") -> AsyncIterator[Page]:
    """A tab of somebody, signed in over a socket."""
    socket = socketio.AsyncClient(reconnection=False)
    page = Page(person, socket)
    socket.on("events", page.record_event)
    await socket.connect(
        person.url, socketio_path="/ws/socket.io", transports=[transport], auth={"token": person.token}
    )
    await socket.call("user-join", {"auth": {"token": person.token}})
    try:
        yield page
    finally:
        await close_socket(socket)
