"""A page without a browser: a socket that signs in and receives events, and the requests that a page sends."""

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
        self._arrived = asyncio.Event()

    def record_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._arrived.set()

    def list_data(self, kind: str, **where: Any) -> list[Any]:
        """Return the data of the received events of a kind."""
        return [
            event["data"].get("data")
            for event in self.events
            if event["data"]["type"] == kind and all(event.get(key) == value for key, value in where.items())
        ]

    async def wait_for(self, kind: str, check: Any = None, timeout: float = 10) -> Any:
        """Wait for an event of a kind whose data `check` accepts, and return its data."""

        async def wait() -> Any:
            while True:
                for data in self.list_data(kind):
                    if check is None or check(data):
                        return data
                self._arrived.clear()
                await self._arrived.wait()

        return await asyncio.wait_for(wait(), timeout)

    async def wait_until_idle(self, timeout: float = 15) -> None:
        """Wait until the chat is no longer active."""
        await self.wait_for("chat:active", lambda data: not data["active"], timeout)

    def build_body(self, text: str, **more: Any) -> dict[str, Any]:
        """Return the body of a question as the page sends it, by default for a new chat (no `chat_id`, `parent_id`)."""
        question_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        models = more.pop("models", ["demo-small"])
        message_ids = [
            {"model_id": model, "message_id": answer_id if number == 0 else str(uuid.uuid4()), "modelIdx": number}
            for number, model in enumerate(models)
        ]
        parent = more.pop("parent_id", None)
        return {
            "stream": True,
            "model": models[0],
            "params": {"model_controls": {}},
            "session_id": self.socket.get_sid(),
            "id": answer_id,
            "message_ids": message_ids,
            "parent_id": parent,
            "user_message": {
                "id": question_id,
                "parentId": parent,
                "childrenIds": [entry["message_id"] for entry in message_ids],
                "role": "user",
                "content": text,
                "timestamp": 1700000000,
                "models": models,
            },
            "background_tasks": {},
            **more,
        }

    async def ask(self, text: str, **more: Any) -> dict[str, Any]:
        """Ask, wait for the end, and return the response with the ids that were sent."""
        body = self.build_body(text, **more)
        reply = (await self.person.post("/api/chat/completions", body)).ok()
        await self.wait_until_idle()
        return {**reply, "question": body["user_message"]["id"], "answer": body["id"]}

    async def get_chat(self, chat_id: str) -> Any:
        return (await self.person.get(f"/api/v1/chats/{chat_id}")).ok()


async def close_socket(socket: socketio.AsyncClient) -> None:
    """Close a socket as a browser closes a tab: a polling socket does not wait for its last response."""
    task = asyncio.create_task(socket.disconnect())
    if socket.connected and socket.transport() == "polling":
        await asyncio.sleep(0.05)  # the server gets the disconnect first
        if socket.eio.http is not None:  # otherwise the last response has come
            await socket.eio.http.close()
    await task


@asynccontextmanager
async def open_page(person: Person, transport: str = "websocket") -> AsyncIterator[Page]:
    """Open a tab of a person who is signed in over a socket."""
    # A browser takes messages of any size.
    socket = socketio.AsyncClient(reconnection=False, websocket_extra_options={"max_msg_size": 0})
    page = Page(person, socket)
    socket.on("events", page.record_event)
    await socket.connect(
        person.url, socketio_path="/ws/socket.io", wait_timeout=10, transports=[transport], auth={"token": person.token}
    )
    await socket.call("user-join", {"auth": {"token": person.token}})
    try:
        yield page
    finally:
        await close_socket(socket)
