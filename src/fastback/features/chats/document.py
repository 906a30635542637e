"""The JSON document of a chat, decoded only where a change needs it.

`chat.chat` is `{id, title, models, history: {currentId, messages: {id: message}}, messages: […], …}` and grows with
every turn. A change of one message decodes that message alone; all other parts stay encoded and are written back as
they were read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, ParamSpec, TypedDict, TypeVar

import msgspec

from fastback.features.chats.messages import message_tree
from fastback.kit.clock import clock
from fastback.kit.db import Database
from fastback.kit.large_json import LARGE_SIZE, Buffer, collect_slices, find_members, join_parts
from fastback.kit.sliced_json import clear_long_texts, encode_slices, has_long_text
from fastback.kit.storable_text import encode_storable

Message = dict[str, Any]
#: The JSON of a document, in parts that are made as they are read where it is large.
EncodedDocument = msgspec.Raw | Iterator[Buffer]
P = ParamSpec("P")
R = TypeVar("R")


class Outline(TypedDict, total=False):
    """The fields of a message that give its place in the tree, and its author."""

    id: Any
    role: Any
    parentId: Any
    childrenIds: Any
    timestamp: Any
    user_id: Any
    user: Any
    meta: msgspec.Raw


#: Items of a list, such as the messages of old chats, that are encoded one by one.
_MANY_ITEMS = 20

_outline = msgspec.json.Decoder(Outline)
_outer = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Document:
    """The document of a chat with its messages as encoded JSON."""

    #: Whether a call that touches all of it would hold the event loop; see `run`.
    is_large = False

    def __init__(self, content: bytes) -> None:
        #: Messages with long texts, which are encoded when they are written; `messages` has them without these texts.
        self._long_messages: dict[str, Message] = {}
        try:
            self.fields: dict[str, msgspec.Raw] = (
                _outer.decode(content) if content.strip() not in (b"", b"null") else {}
            )
        except msgspec.ValidationError:
            self.fields = {}

    @classmethod
    async def load(cls, db: Database, content: msgspec.Raw) -> Document:
        """Return the document with this content; a large one is taken apart in another process."""
        if len(memoryview(content)) <= LARGE_SIZE:
            return cls(bytes(content))
        document = cls(b"")
        levels = [*await find_members(db.json_workers, content, ("history", "messages")), {}, {}, {}]
        document.fields, document.history, document.messages = levels[:3]
        document.is_large = True
        return document

    @classmethod
    def build(cls, content: dict[str, Any]) -> Document:
        """Return the document with this content, with each message encoded on its own."""
        document = cls(b"")
        for name, value in content.items():
            document.set_field(name, None if name == "history" else value)
        history = content.get("history")
        messages = history.get("messages") if isinstance(history, dict) else None
        if not isinstance(history, dict) or not isinstance(messages, dict):
            if "history" in content:
                document.set_field("history", history)
            return document
        document.set_history_fields(history)
        for message_id, message in messages.items():
            document.put_message(message_id, message)
        return document

    def set_history_fields(self, history: dict[str, Any]) -> None:
        """Set the fields of the history, but not the messages."""
        for name, value in history.items():
            self.history[name] = msgspec.Raw(b"{}" if name == "messages" else encode_storable(value))

    def decode(self) -> dict[str, Any]:
        """Return the whole document, decoded message by message, with its fields in their order."""
        if not self.history and not self.messages:
            return {name: msgspec.json.decode(raw) for name, raw in self.fields.items()}
        # A field that is taken apart keeps its place.
        content = {name: None if name == "history" else msgspec.json.decode(raw) for name, raw in self.fields.items()}
        history = {name: None if name == "messages" else msgspec.json.decode(raw) for name, raw in self.history.items()}
        if self.messages or "messages" in history:
            history["messages"] = {name: self._decode_message(name) for name in self.messages}
        content["history"] = history
        return content

    def decode_history(self) -> dict[str, Any]:
        """Return the history, decoded, with the messages that are objects."""
        fields = {name: msgspec.json.decode(raw) for name, raw in self.history.items() if name != "messages"}
        return {**fields, "messages": self.decode_messages()}

    def remove_message(self, message_id: str) -> set[str]:
        """Remove a message and its answers (see `message_tree.remove_message`), and return the removed ids."""
        outlines: dict[str, Any] = self.decode_outlines()
        links = {name: (outline.get("parentId"), outline.get("childrenIds")) for name, outline in outlines.items()}
        tree: dict[str, Any] = {"messages": outlines, "currentId": self.current_id}
        removed_ids = message_tree.remove_message(tree, message_id)
        if not removed_ids:
            return removed_ids
        for removed_id in removed_ids:
            self.messages.pop(removed_id, None)
        for name, outline in outlines.items():
            message = (
                self.find_message(name)
                if (outline.get("parentId"), outline.get("childrenIds")) != links[name]
                else None
            )
            if message is not None:
                message |= {key: outline[key] for key in ("parentId", "childrenIds") if key in outline}
                self.put_message(name, message)
        self.current_id = tree["currentId"]
        return removed_ids

    def list_children(self, parent_id: Any) -> dict[str, Message]:
        """Return the messages below a message, or the roots for None, decoded."""
        ids = [name for name, outline in self.decode_outlines().items() if outline.get("parentId") == parent_id]
        messages = {name: self.find_message(name) for name in ids}
        return {name: message for name, message in messages.items() if message is not None}

    async def run(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `act` returns, which touches every message: in a thread where the document is large."""
        return await asyncio.to_thread(act, *args, **kwargs) if self.is_large else act(*args, **kwargs)

    async def encode_stored(self) -> EncodedDocument:
        """Return the document as JSON to store; a large one in parts."""
        return self._iterate_parts() if self.is_large else msgspec.Raw(self.encode())

    async def encode_raw(self) -> msgspec.Raw:
        """Return the document as JSON; a large one is in mapped memory."""
        return msgspec.Raw(await asyncio.to_thread(self._join) if self.is_large else self.encode())

    @cached_property
    def history(self) -> dict[str, msgspec.Raw]:
        """The fields of the history, encoded."""
        return self._decode_object(self.fields.get("history"))

    @cached_property
    def messages(self) -> dict[str, msgspec.Raw]:
        """The messages by id, encoded."""
        return self._decode_object(self.history.get("messages"))

    @staticmethod
    def _decode_object(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
        if raw is None:
            return {}
        try:
            return _outer.decode(raw)
        except msgspec.ValidationError:
            return {}

    def find_message(self, message_id: str) -> Message | None:
        """Return a message, decoded; None if the document does not contain it."""
        message = self._decode_message(message_id) if message_id in self.messages else None
        return message if isinstance(message, dict) else None

    def _decode_message(self, message_id: str) -> Any:
        message = self._long_messages.get(message_id)
        return msgspec.json.decode(self.messages[message_id]) if message is None else dict(message)

    def decode_messages(self) -> dict[str, Message]:
        """Return all messages, decoded; only rare changes need them all."""
        decoded = {message_id: self._decode_message(message_id) for message_id in self.messages}
        return {message_id: message for message_id, message in decoded.items() if isinstance(message, dict)}

    def decode_outlines(self) -> dict[str, Outline]:
        """Return the outlines of all messages; skips invalid messages."""
        outlines: dict[str, Outline] = {}
        for message_id, raw in self.messages.items():
            try:
                outlines[message_id] = _outline.decode(raw)
            except msgspec.ValidationError:
                continue
        return outlines

    def repair_links(self, outlines: dict[str, Outline] | None = None) -> bool:
        """Repair links and the current message (see `message_tree.repair_links`), and return whether any changed.

        `outlines` are those of the messages, if the caller has decoded them already.
        """
        tree: Any = self.decode_outlines() if outlines is None else outlines
        if not tree:
            return False
        changed, current_id = message_tree.repair_links(tree, self.current_id, self._find_output)
        for message_id in changed:
            message = self.find_message(message_id)
            if message is not None:
                self.put_message(message_id, {**message, "childrenIds": tree[message_id]["childrenIds"]})
        moved = current_id != self.current_id
        if moved:
            self.current_id = current_id
        return moved or bool(changed)

    def _find_output(self, message_id: str) -> Any:
        return (self.find_message(message_id) or {}).get("output")

    def put_message(self, message_id: str, message: Message) -> None:
        """Replace a message."""
        self._long_messages.pop(message_id, None)
        if self.is_large and has_long_text(message):
            self._long_messages[message_id] = message
            message = clear_long_texts(message)
        self.messages[message_id] = msgspec.Raw(encode_storable(message))

    def get_field(self, name: str) -> Any:
        """Return a field of the document, decoded; None if it is absent."""
        raw = self.fields.get(name)
        return None if raw is None else msgspec.json.decode(raw)

    def set_field(self, name: str, value: Any) -> None:
        """Set a field of the document."""
        is_long = isinstance(value, list) and len(value) > _MANY_ITEMS
        self.fields[name] = msgspec.Raw(_encode_long_list(value) if is_long else encode_storable(value))

    @property
    def current_id(self) -> str | None:
        """The id of the current message."""
        raw = self.history.get("currentId")
        current_id = None if raw is None else msgspec.json.decode(raw)
        return current_id if isinstance(current_id, str) else None

    @current_id.setter
    def current_id(self, message_id: str | None) -> None:
        self.history["currentId"] = msgspec.Raw(encode_storable(message_id))

    @property
    def opening_message_id(self) -> str | None:
        """The message that a page shows when it opens the chat: the current one, or the equivalent in older chats."""
        if self.current_id:
            return self.current_id
        for name in ("currentId", "branchPointMessageId"):
            message_id = self.get_field(name)
            if isinstance(message_id, str) and message_id:
                return message_id
        raw = self.fields.get("messages")
        messages = msgspec.json.decode(raw) if raw is not None and len(memoryview(raw)) > 2 else []
        ids = (
            [message["id"] for message in messages if isinstance(message, dict) and message.get("id")]
            if messages
            else []
        )
        return ids[-1] if ids and isinstance(ids[-1], str) else None

    def upsert_message(self, message_id: str, patch: Message) -> Message:
        """Add or change a message, link it to its parent, and return the whole message.

        A new message becomes the current one. Without a role in `patch` its role follows from the parent's.
        """
        existing = self.find_message(message_id)
        if existing is not None:
            message = {**existing, **self._merge_meta(existing, patch)}
        else:
            message = self._place_message(message_id, patch)
            self.history.setdefault("messages", msgspec.Raw(b"{}"))
            self.current_id = message_id
        self.put_message(message_id, message)
        self._link_child(message.get("parentId"), message_id)
        return message

    @staticmethod
    def _merge_meta(message: Message, patch: Message) -> Message:
        """Merge the `meta` of a patch: `voice` and `task_id` do not replace other keys, nor other keys those two."""
        incoming = patch.get("meta")
        if not isinstance(incoming, dict):
            return patch
        existing = message.get("meta") if isinstance(message.get("meta"), dict) else {}
        assert isinstance(existing, dict)
        if set(incoming) <= {"voice", "task_id"}:
            return {**patch, "meta": {**existing, **incoming}}
        preserved = {key: existing[key] for key in ("voice", "task_id") if key in existing}
        return {**patch, "meta": {**preserved, **incoming}}

    def _place_message(self, message_id: str, patch: Message) -> Message:
        """Return a new message with its parent, role and time."""
        parent_id = patch.get("parentId")
        if parent_id is None:
            for other_id, other in self.decode_outlines().items():
                if message_id in (other.get("childrenIds") or []):
                    parent_id = other_id
                    break
        items = patch.get("output")
        roles = [item["role"] for item in items if isinstance(item, dict) and item.get("role")] if items else []
        role = patch.get("role") or (roles[0] if roles else None)
        if not role:
            parent = self.find_message(parent_id) if parent_id else None
            role = "user" if parent is not None and parent.get("role") == "assistant" else "assistant"
        children = patch.get("childrenIds")
        return {
            **patch,
            "id": patch.get("id") or message_id,
            "parentId": parent_id,
            "childrenIds": children if isinstance(children, list) else [],
            "role": role,
            "timestamp": patch.get("timestamp") or int(clock.time()),
        }

    def _link_child(self, parent_id: Any, child_id: str) -> None:
        parent = self.find_message(parent_id) if isinstance(parent_id, str) else None
        if parent is None:
            return
        children = parent.get("childrenIds")
        if not isinstance(children, list):
            children = []
        if child_id not in children:
            parent["childrenIds"] = [*children, child_id]
            self.put_message(parent_id, parent)

    def _encode_message(self, message_id: str) -> Iterable[Buffer]:
        message = self._long_messages.get(message_id)
        return [self.messages[message_id]] if message is None else encode_slices(message, encode_storable)

    def encode(self) -> bytes:
        """Return the document as JSON; a document without messages gets no history."""
        return b"".join(self._iterate_parts())

    def _join(self) -> memoryview:
        return collect_slices(self._iterate_parts) if self._long_messages else join_parts(list(self._iterate_parts()))

    def _iterate_parts(self) -> Iterator[Buffer]:
        fields: dict[str, Iterable[Buffer]] = {name: [raw] for name, raw in self.fields.items()}
        if self.messages or self.history:
            tree: dict[str, Iterable[Buffer]] = {name: [raw] for name, raw in self.history.items()}
            if self.messages or "messages" in tree:
                tree["messages"] = _join_object({name: self._encode_message(name) for name in self.messages})
            fields["history"] = _join_object(tree)
        return _join_object(fields)


def _encode_long_list(items: list[Any]) -> bytes:
    """Return the JSON of a list, encoded item by item: each call of the encoder keeps other threads from running."""
    return b"[%b]" % b",".join(map(encode_storable, items))


def _join_object(fields: dict[str, Iterable[Buffer]]) -> Iterator[Buffer]:
    """Yield a JSON object in parts, so that a large document is joined once, not once for each level."""
    separator = b"{"
    for name, value in fields.items():
        yield separator + msgspec.json.encode(name) + b":"
        yield from value
        separator = b","
    yield b"}" if fields else b"{}"
