"""The turns of chats that plugins take part in: what their hooks share, as live objects.

What a hook puts into the metadata, the later hooks of the same turn see, objects included.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.rpc.wire_values import to_plain
from fastback.plugin_host.page_events import EventCaller, EventEmitter
from fastback.plugin_host.request_object import RequestFields, build_request
from fastback.plugin_host.server_link import ServerLink

Json = dict[str, Any]


class TurnFields(msgspec.Struct, kw_only=True):
    """What the server says of a turn when it begins.

    Attributes:
        user: the fields of the user, as `UserModel` has them.
        model: the entry of the model in the list of models.
        metadata: of the request.
        request: the HTTP request that the turn belongs to.
        user_valves: the stored valves of the user, by kind (`tool`, `function`) and the id of the plugin.
    """

    id: str
    user: Json
    model: Json
    metadata: Json
    request: RequestFields
    user_valves: dict[str, dict[str, Json]] = {}
    oauth_token: Any = None


class HostTurn:
    """One turn."""

    def __init__(self, fields: TurnFields, server: ServerLink) -> None:
        self.id = fields.id
        self.user = fields.user
        self.model = fields.model
        self.metadata = fields.metadata
        self.features: Json = {}
        #: The tools that the model may call, by name: `{tool_id, callable, spec, type, …}` each, as `__tools__`.
        self.tools: Json = {}
        #: The body that the model was sent; stream filters see it.
        self.body: Json = {}
        #: Whether a page shows the answer.
        self.has_page = False
        self.user_valves = fields.user_valves
        self.oauth_token = fields.oauth_token
        self.emitter = EventEmitter(server, fields.id)
        self.caller = EventCaller(server, fields.id)
        self._request_fields = fields.request
        self._request: Any = None
        self._sent_metadata = _encode(fields.metadata)

    @property
    def request(self) -> Any:
        """The request, as Starlette's object; built when a plugin asks for it."""
        if self._request is None:
            self._request = build_request(self._request_fields, turn_id=self.id, metadata=self.metadata, user=self.user)
        return self._request

    def get_arguments(self) -> Json:
        """Return what the hooks of filters, pipes and tools are offered alike."""
        return {
            "__event_emitter__": self.emitter,
            "__event_call__": self.caller,
            "__user__": self.user,
            "__metadata__": self.metadata,
            "__oauth_token__": self.oauth_token,
        }

    def update_metadata(self, changes: Json) -> None:
        """Add what the server has changed, in place: plugins keep references to the dictionary.

        The server has only plain copies of what plugins put there; their own objects stay as long as it has not changed
        these copies.
        """
        for name, value in changes.items():
            if name not in self.metadata or not _is_copy(value, self.metadata[name]):
                self.metadata[name] = value
        self._sent_metadata = _encode(self.metadata)

    def take_changed_metadata(self) -> Json | None:
        """Return the metadata as plain values if plugins have changed them since the last call, else None."""
        encoded = _encode(self.metadata)
        if encoded == self._sent_metadata:
            return None
        self._sent_metadata = encoded
        changed: Json = msgspec.msgpack.decode(encoded)
        return changed


class TurnRegistry:
    """The open turns, by id."""

    def __init__(self, server: ServerLink) -> None:
        self._server = server
        self._turns: dict[str, HostTurn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    async def open_turn(self, turn: Json) -> None:
        """Begin a turn; `turn` are its `TurnFields`."""
        fields = msgspec.convert(turn, TurnFields)
        self._turns[fields.id] = HostTurn(fields, self._server)

    async def close_turn(self, turn_id: str) -> None:
        """End a turn. Work that plugins left behind keeps its objects."""
        self._turns.pop(turn_id, None)

    def get(self, turn_id: str) -> HostTurn:
        """Return an open turn.

        Raises:
            RemoteFailure: of the kind `unknown_turn`: the process was started again since the turn began.
        """
        turn = self._turns.get(turn_id)
        if turn is None:
            raise RemoteFailure("unknown_turn", "The plugin process was restarted during this turn.")
        return turn


def _is_copy(value: Any, original: Any) -> bool:
    """Return whether a value is what the server was sent of an original."""
    return bool(value == original) or _encode(value) == _encode(original)


def _encode(metadata: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(metadata)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.msgpack.encode(to_plain(metadata))
