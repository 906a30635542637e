"""The JSON document of a chat, opened only as far as a change needs.

`chat.chat` holds `{id, title, models, history: {currentId, messages: {id: message}}, messages: […], …}` and grows with
every turn. A change of one message decodes that message alone: everything else stays bytes and goes back as it came.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, TypedDict

import msgspec

from fastback.features.chats.messages import message_tree

Message = dict[str, Any]


class Outline(TypedDict, total=False):
    """What of a message says where it stands and whose it is."""

    id: Any
    role: Any
    parentId: Any
    childrenIds: Any
    timestamp: Any
    user_id: Any
    user: Any
    meta: msgspec.Raw


_outline = msgspec.json.Decoder(Outline)
_outer = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.encode


def remove_nul_characters(value: Any) -> Any:
    """The value without NUL characters, which PostgreSQL refuses; the same object when there are none."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, dict):
        return {remove_nul_characters(key): remove_nul_characters(one) for key, one in value.items()}
    if isinstance(value, list):
        return [remove_nul_characters(one) for one in value]
    return value


class Document:
    """A chat's document with its messages as undecoded JSON."""

    def __init__(self, content: bytes) -> None:
        try:
            self.fields: dict[str, msgspec.Raw] = (
                _outer.decode(content) if content.strip() not in (b"", b"null") else {}
            )
        except msgspec.ValidationError:
            self.fields = {}

    @cached_property
    def history(self) -> dict[str, msgspec.Raw]:
        return self._decode_object(self.fields.get("history"))

    @cached_property
    def messages(self) -> dict[str, msgspec.Raw]:
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
        """One message, decoded; None when it is not there."""
        raw = self.messages.get(message_id)
        if raw is None:
            return None
        found = msgspec.json.decode(raw)
        return found if isinstance(found, dict) else None

    def decode_messages(self) -> dict[str, Message]:
        """Every message, decoded: for the rare change that looks at all of them."""
        found = {key: msgspec.json.decode(raw) for key, raw in self.messages.items()}
        return {key: one for key, one in found.items() if isinstance(one, dict)}

    def decode_outlines(self) -> dict[str, Outline]:
        """Every message's place and author; what is no message is left out."""
        found: dict[str, Outline] = {}
        for message_id, raw in self.messages.items():
            try:
                found[message_id] = _outline.decode(raw)
            except msgspec.ValidationError:
                continue
        return found

    def repair_links(self, outlines: dict[str, Outline] | None = None) -> bool:
        """Mend links and the place where the chat opens (see `history.repair`); whether anything changed.

        `outlines`, where given, are those of the messages as they stand.
        """
        known: Any = self.decode_outlines() if outlines is None else outlines
        if not known:
            return False
        changed, current_id = message_tree.repair_links(known, self.current_id, self._find_output)
        for message_id in changed:
            message = self.find_message(message_id)
            if message is not None:
                self.put_message(message_id, {**message, "childrenIds": known[message_id]["childrenIds"]})
        moved = current_id != self.current_id
        if moved:
            self.current_id = current_id
        return moved or bool(changed)

    def _find_output(self, message_id: str) -> Any:
        return (self.find_message(message_id) or {}).get("output")

    def put_message(self, message_id: str, message: Message) -> None:
        self.messages[message_id] = msgspec.Raw(_encode(message))

    def get_field(self, name: str) -> Any:
        raw = self.fields.get(name)
        return None if raw is None else msgspec.json.decode(raw)

    def set_field(self, name: str, value: Any) -> None:
        self.fields[name] = msgspec.Raw(_encode(value))

    @property
    def current_id(self) -> str | None:
        raw = self.history.get("currentId")
        found = None if raw is None else msgspec.json.decode(raw)
        return found if isinstance(found, str) else None

    @current_id.setter
    def current_id(self, message_id: str | None) -> None:
        self.history["currentId"] = msgspec.Raw(_encode(message_id))

    @property
    def opening_message_id(self) -> str | None:
        """The message a chat is opened at: the current one, or what older chats and copies say in its place."""
        if self.current_id:
            return self.current_id
        for name in ("currentId", "branchPointMessageId"):
            found = self.get_field(name)
            if isinstance(found, str) and found:
                return found
        raw = self.fields.get("messages")
        listed = msgspec.json.decode(raw) if raw is not None and len(bytes(raw)) > 2 else []
        ids = [one["id"] for one in listed if isinstance(one, dict) and one.get("id")] if listed else []
        return ids[-1] if ids and isinstance(ids[-1], str) else None

    def upsert_message(self, message_id: str, patch: Message) -> Message:
        """Add or change a message, link it to its parent; the whole message as it now stands.

        A new message becomes the current one. Its role is guessed from its parent's when it says none.
        """
        known = self.find_message(message_id)
        if known is not None:
            message = {**known, **self._merge_meta(known, patch)}
        else:
            message = self._place_message(message_id, patch)
            self.history.setdefault("messages", msgspec.Raw(b"{}"))
            self.current_id = message_id
        self.put_message(message_id, message)
        self._link_child(message.get("parentId"), message_id)
        return message

    @staticmethod
    def _merge_meta(known: Message, patch: Message) -> Message:
        """What speech and task say about a message must not wipe out what else is known of it, nor the reverse."""
        incoming = patch.get("meta")
        if not isinstance(incoming, dict):
            return patch
        existing = known.get("meta") if isinstance(known.get("meta"), dict) else {}
        assert isinstance(existing, dict)
        if set(incoming) <= {"voice", "task_id"}:
            return {**patch, "meta": {**existing, **incoming}}
        kept = {key: existing[key] for key in ("voice", "task_id") if key in existing}
        return {**patch, "meta": {**kept, **incoming}}

    def _place_message(self, message_id: str, patch: Message) -> Message:
        parent_id = patch.get("parentId")
        if parent_id is None:
            for other_id, other in self.decode_outlines().items():
                if message_id in (other.get("childrenIds") or []):
                    parent_id = other_id
                    break
        items = patch.get("output")
        said = [one["role"] for one in items if isinstance(one, dict) and one.get("role")] if items else []
        role = patch.get("role") or (said[0] if said else None)
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
            "timestamp": patch.get("timestamp") or int(time.time()),
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

    def encode(self) -> bytes:
        """The document as JSON; one without a history gets none."""
        fields: dict[str, list[_JsonPart]] = {name: [raw] for name, raw in self.fields.items()}
        if self.messages or self.history:
            tree: dict[str, list[_JsonPart]] = {name: [raw] for name, raw in self.history.items()}
            if self.messages or "messages" in tree:
                tree["messages"] = _join_object({key: [raw] for key, raw in self.messages.items()})
            fields["history"] = _join_object(tree)
        return b"".join(_join_object(fields))


_JsonPart = bytes | msgspec.Raw


def _join_object(fields: dict[str, list[_JsonPart]]) -> list[_JsonPart]:
    """A JSON object in pieces, so that a large document is put together once, not once for each level."""
    parts: list[_JsonPart] = []
    for name, value in fields.items():
        parts += (b"," if parts else b"{", _encode(name), b":", *value)
    parts.append(b"}" if parts else b"{}")
    return parts
