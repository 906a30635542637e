"""Hostile packets, and payloads of the events of the sockets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

#: What no field expects.
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    2**63,
    -(2**70),
    "",
    "\x00",
    "\ud800",
    "a" * 5000,
    "../../etc/passwd",
    "'; --",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"id": {}},
    [1] * 300,
    {"a": [{"b": [{}]}]},
]
#: Each event with a payload of the right shape.
EVENTS: dict[str, Any] = {
    "user-join": {"auth": {"token": "TOKEN"}},
    "heartbeat": {},
    "usage": {"model": "demo-small", "action": "chat", "chat_id": "CHAT"},
    "join-channels": {"auth": {"token": "TOKEN"}},
    "join-note": {"note_id": "NOTE", "auth": {"token": "TOKEN"}},
    "events:channel": {
        "channel_id": "CHANNEL",
        "message_id": None,
        "data": {"type": "typing", "data": {"typing": True}},
    },
    "events:chat": {"chat_id": "CHAT", "message_id": "m", "data": {"type": "join", "data": {}}},
    "ydoc:document:join": {"document_id": "note:NOTE", "user_id": "u", "user_name": "n", "user_color": "#fff"},
    "ydoc:document:state": {"document_id": "note:NOTE"},
    "ydoc:document:update": {
        "document_id": "note:NOTE",
        "user_id": "u",
        "update": [1, 2, 3],
        "data": {"content": {"md": "x"}},
    },
    "ydoc:awareness:update": {"document_id": "note:NOTE", "user_id": "u", "update": [0, 1]},
    "ydoc:document:leave": {"document_id": "note:NOTE", "user_id": "u"},
    **{
        f"encryption:{action}": {"channel_id": "CHANNEL", "packet": {}, "session_id": "s", "target_id": "t"}
        for action in ("start", "status", "join", "bind", "packet", "leave", "ping")
    },
    "connect": {},
    "disconnect": {},
    "unknown": {},
    "": {},
}
#: Packets that are wrong before any event is read.
PACKETS: list[str | bytes] = [
    "",
    "0",
    "1x",
    "2probe",
    "3probe",
    "5",
    "6",
    "7",
    "9",
    "x",
    "4",
    "49",
    "4x",
    "40/other,",
    "40/other,{}",
    "40{",
    "40[]",
    "40null",
    "41/other,",
    "42",
    "42{}",
    "42[]",
    "42[1]",
    '42["user-join"',
    "42null",
    '42"x"',
    "42[{}]",
    "42[null,{}]",
    "42[[]]",
    '42/other,["user-join",{}]',
    '42/,["user-join",{}]',
    '42999999999999999999999["heartbeat",{}]',
    "43",
    "43[]",
    "431[]",
    "43999[1,2]",
    "43x[]",
    '44{"message":"x"}',
    "44",
    "45",
    "450-",
    '451-["usage",{"_placeholder":true,"num":0}]',
    '4599999999999-["usage"]',
    '45-1-["usage"]',
    '451-[{"_placeholder":true,"num":9}]',
    "46",
    "461-[]",
    "47",
    "48",
    '42["usage",{"model":' + "[" * 5000 + "]" * 5000 + "}]",
    '42["usage",' + "1" * 5000 + "]",
    "42[" + '"x",' * 2000 + "1]",
    "b",
    "bAAAA",
    "b!!!",
    b"",
    b"\x00",
    b"4",
    b"42[]",
    b"\xff\xfe",
    bytes(4000),
    "\x1e",
    "42[]\x1e42[]",
    '42["user\\ud800join",{}]',
    '42["usage",{"model":"\\ud800"}]',
    '42["usage",NaN]',
    '42["usage",{"model":1e999}]',
]
#: A turn of `/api/ws/chat`.
TURN = {
    "model": "demo-small",
    "messages": [{"role": "user", "content": "Hello"}],
    "metadata": {"chat_id": "CHAT", "message_id": "m", "session_id": "s", "files": [], "features": {}, "variables": {}},
    "stream": True,
    "params": {"temperature": 1},
    "files": [],
    "tool_ids": [],
    "cancel": False,
    "type": "x",
    "background_tasks": {},
}


def mutate(value: Any, generator: random.Random) -> Iterator[Any]:
    """Yield a payload with each of its parts replaced by what it does not expect, or left out."""
    yield from generator.sample(VALUES, 6)
    if not isinstance(value, dict):
        return
    for name, part in value.items():
        yield {other: value[other] for other in value if other != name}
        for replacement in mutate(part, generator):
            yield {**value, name: replacement}
