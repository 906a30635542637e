"""A split stream of frames has the messages of the stream as it arrived."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from fastback.kit.http.fragments import FragmentedText
from fastback.kit.http.frame_splitter import LARGE_FRAME, FrameSplitter

LIMIT = 16 * 1024 * 1024


def make_frames(rng: random.Random) -> list[Frame]:
    """Return messages of one frame or of several, with pings between them."""
    frames = []
    for _ in range(rng.randrange(1, 6)):
        opcode = rng.choice([Opcode.TEXT, Opcode.BINARY])
        count = rng.choice([1, 1, 3])
        for number in range(count):
            size = rng.choice([0, 5, 125, 126, 65_535, LARGE_FRAME, LARGE_FRAME + 1, 3 * LARGE_FRAME, 200_001])
            frames.append(Frame(opcode if number == 0 else Opcode.CONT, rng.randbytes(size), fin=number == count - 1))
            if rng.random() < 0.3:
                frames.append(Frame(Opcode.PING, rng.randbytes(rng.randrange(20))))
    return frames


def cut(stream: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield the stream in pieces of many sizes, as a connection delivers it."""
    while stream:
        size = rng.choice([1, 3, 14, 1000, 65_536, 262_144])
        yield stream[:size]
        stream = stream[size:]


def read_messages(protocol: Protocol) -> list[tuple[Opcode, bytes]]:
    """Return the messages, and pings before the messages that they interrupt."""
    messages: list[tuple[Opcode, bytes]] = []
    opcode, data = Opcode.TEXT, b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is Opcode.PING:
            messages.append((frame.opcode, bytes(frame.data)))
            continue
        if frame.opcode is not Opcode.CONT:
            opcode, data = frame.opcode, b""
        data += frame.data
        if frame.fin:
            messages.append((opcode, data))
    return messages


@pytest.mark.parametrize("seed", range(40))
def test_messages_stay_the_same(seed: int) -> None:
    rng = random.Random(seed)
    frames = make_frames(rng)
    stream = b"".join(frame.serialize(mask=True) for frame in frames)
    expected, received = (Protocol(Side.SERVER, state=State.OPEN, max_size=LIMIT) for _ in range(2))
    expected.receive_data(stream)
    splitter = FrameSplitter()
    for piece in cut(stream, rng):
        rest = piece
        while rest:
            data, rest = splitter.split(rest, LIMIT)
            received.receive_data(data)
    messages = read_messages(received)
    assert messages == read_messages(expected)
    assert messages and received.parser_exc is None


def test_no_part_is_large() -> None:
    stream = Frame(Opcode.TEXT, b"x" * 1_000_000).serialize(mask=True)
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=LIMIT)
    protocol.receive_data(FrameSplitter().split(stream, LIMIT)[0])
    frames = protocol.events_received()
    assert len(frames) == 16 and max(len(frame.data) for frame in frames) == LARGE_FRAME  # type: ignore[union-attr]


def test_a_frame_beyond_the_limit_keeps_its_header() -> None:
    """The library refuses it at its header."""
    stream = Frame(Opcode.TEXT, b"x" * 1_000_000).serialize(mask=True)
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=500_000)
    protocol.receive_data(FrameSplitter().split(stream[:20], 500_000)[0])
    assert protocol.close_sent is not None and protocol.close_sent.code == 1009


def test_small_frames_are_passed_on_some_at_a_time() -> None:
    stream = Frame(Opcode.PONG, b"").serialize(mask=True) * 1000
    data, rest = FrameSplitter().split(stream, LIMIT)
    assert data + rest == stream and len(data) == 20 * 6


def test_a_text_in_fragments_loses_its_first_characters() -> None:
    text = FragmentedText(['42/räume,7["a"'.encode(), b"\xff]"])
    assert (text[0], text[1], text[:2]) == ("4", "2", "42")
    rest = text[1:]
    assert isinstance(rest, FragmentedText) and rest.startswith("2/räume,")
    content = rest.take_bytes_from(len("2/räume,7"))
    assert content[0 : len(content)] == b'["a"\xff]'
    assert not text.fragments
